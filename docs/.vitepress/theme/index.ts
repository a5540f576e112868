// VitePress's own theme, and how wide things fit into a narrow window.

import theme from 'vitepress/theme-without-fonts'
import './narrow.css'

export default theme
