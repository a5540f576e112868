// Addresses under /app. A link is a link: it is followed without loading the page, and opens in a new tab as any.

export const base = '/app'

let path = $state(pathOf(location.pathname))
let secret = $state(location.hash.slice(1))

export const router = {
  /** `/`, `/mine`, `/teams/ID`. */
  get path() {
    return path
  },
  /** What stands behind the #, such as the token of a mail. */
  get secret() {
    return secret
  },
  go(to: string) {
    history.pushState(undefined, '', base + to)
    follow()
    scrollTo(0, 0)
  },
  /** Out of the address and the history, once it is known. */
  forgetSecret() {
    history.replaceState(undefined, '', location.pathname)
  },
}

export const startRouter = () => {
  addEventListener('popstate', follow)
  addEventListener('hashchange', follow)
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : undefined
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey
    if (!link || !isPlain || link.target !== '' || link.hasAttribute('download')) return
    const { origin, pathname, hash } = new URL(link.href)
    if (origin !== location.origin || !isOurs(pathname) || hash !== '') return
    event.preventDefault()
    router.go(pathOf(pathname))
  })
}

const follow = () => {
  path = pathOf(location.pathname)
  secret = location.hash.slice(1)
}

const isOurs = (pathname: string): boolean => pathname === base || pathname.startsWith(`${base}/`)

function pathOf(pathname: string): string {
  return pathname.slice(base.length).replace(/\/$/, '') || '/'
}
