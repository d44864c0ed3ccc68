// Progressive enhancement only: everything here has a server-rendered way that works without it.

// Dialogs
document.addEventListener('click', (event) => {
  const opener = event.target.closest('[data-open]')
  if (opener) {
    event.preventDefault()
    document.getElementById(opener.dataset.open)?.showModal()
  }
  if (event.target.closest('[data-close]')) event.target.closest('dialog')?.close()
})

// Copying: the button says so itself for a moment
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]')
  if (!button) return
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim())
  const text = button.textContent
  button.textContent = 'Copied'
  setTimeout(() => { button.textContent = text }, 1500)
})

// Theme: a cookie for the server's next page, the attribute for this one. Pages that caches keep are the same for
// everybody, so it is read here.
const markTheme = (theme) => {
  for (const button of document.querySelectorAll('[data-theme-form] button')) {
    button.setAttribute('aria-pressed', String(button.value === theme))
  }
}
const kept = document.cookie.match(/(?:^|; )theme=(light|dark)/)
if (kept && !document.documentElement.dataset.theme) {
  document.documentElement.dataset.theme = kept[1]
  markTheme(kept[1])
}
document.addEventListener('submit', (event) => {
  const form = event.target.closest('[data-theme-form]')
  if (!form) return
  event.preventDefault()
  const theme = event.submitter.value
  document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax`
  if (theme) document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
  markTheme(theme)
})

// A form that changes something is sent once, however often its button is clicked: the first answer is the one shown.
// The buttons are disabled after the browser has read which one was pressed; a page that is come back to works again.
const sent = new Map()
const release = (form) => {
  for (const button of sent.get(form) ?? []) button.disabled = false
  sent.delete(form)
}
document.addEventListener('submit', (event) => {
  const form = event.target
  if (event.defaultPrevented || form.method !== 'post') return
  if (sent.has(form)) {
    event.preventDefault()
    return
  }
  const buttons = [...form.elements].filter((field) => field.type === 'submit' && !field.disabled)
  sent.set(form, buttons)
  setTimeout(() => { for (const button of buttons) button.disabled = true })
  setTimeout(release, 10000, form) // the person stopped loading, or the answer was a file
})
window.addEventListener('pageshow', () => [...sent.keys()].forEach(release))

// A hidden tab does not poll; coming back it asks at once. (Trigger filters would need eval.)
document.addEventListener('htmx:beforeRequest', (event) => {
  if (document.hidden && event.detail.requestConfig.triggeringEvent == null) event.preventDefault()
})
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) window.htmx?.trigger(document.body, 'balance:refresh')
})

// Charts: arrow keys walk along the columns
document.addEventListener('keydown', (event) => {
  const column = event.target.closest('[data-roving] > li')
  const target = column && {
    ArrowLeft: column.previousElementSibling,
    ArrowRight: column.nextElementSibling,
    Home: column.parentElement.firstElementChild,
    End: column.parentElement.lastElementChild,
  }[event.key]
  if (!target) return
  event.preventDefault()
  column.tabIndex = -1
  target.tabIndex = 0
  target.focus()
})

// Selects that send their form; without JavaScript there is a button
document.addEventListener('change', (event) => {
  if (event.target.matches('[data-autosubmit]')) event.target.form.requestSubmit()
})
document.documentElement.classList.add('js')
