// Light, dark, or as the system has it.

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const themeKey = 'todos.theme'
let theme = $state<Theme>(themes.find((one) => one === localStorage.getItem(themeKey)) ?? 'system')

const show = () => {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
}
show()

export const chosenTheme = (): Theme => theme

export const chooseTheme = (next: Theme): void => {
  theme = next
  localStorage.setItem(themeKey, next)
  show()
}
