// Light or dark: the system's setting until somebody chooses; the choice is remembered.
const button = element.querySelector('.night');
const dark = () => document.body.classList.contains('dark');
const say = () => button.setAttribute('aria-pressed', String(dark()));
const kept = localStorage.getItem('gfla-night');
if (kept !== null) document.body.classList.toggle('dark', kept === 'true');
button.addEventListener('click', () => {
    localStorage.setItem('gfla-night', String(document.body.classList.toggle('dark')));
    say();
});
say();
