// For the editor and svelte-check. Svelte strips the types itself.

export default {}
