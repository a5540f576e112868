// Reads on before the end of a list is seen: for the last element of it.

export const nearEnd = (onnear: () => void) => (element: HTMLElement) => {
  const near = new IntersectionObserver(([entry]) => entry?.isIntersecting && onnear(), {
    rootMargin: '600px 0px',
  })
  near.observe(element)
  return () => near.disconnect()
}
