// Whether a name that is not known is a slip of the pen for one that is: settings and parameters are
// refused with what was probably meant.

/** True when one insertion, deletion, substitution or swap of neighbours makes `a` into `b`. */
export const isNearly = (a: string, b: string): boolean => {
  if (Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  const restA = a.slice(start)
  const restB = b.slice(start)
  return (
    restA.slice(1) === restB.slice(1) ||
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    (restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2))
  )
}
