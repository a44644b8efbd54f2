// Pictures of a frame: a point of those marked data-point is chosen by a click or, when focused, by the arrow keys.
let at = null;
let held = false; // by the keyboard, when the pictures are drawn anew

const choose = (x, y) => {
    at = { x: Math.min(Math.max(x, 0), 1), y: Math.min(Math.max(y, 0), 1) };
    trigger('pick', at);
};

element.addEventListener('click', (event) => {
    const image = event.target.closest('[data-point]');
    if (!image) return;
    const box = image.getBoundingClientRect();
    choose((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
});

element.addEventListener('keydown', (event) => {
    const image = event.target.closest('[data-point]');
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!image || !step) return;
    event.preventDefault();
    held = true;
    const from = at ?? { x: 0.5, y: 0.65 };
    choose(from.x + step[0] / 64, from.y + step[1] / 64);
});

element.addEventListener('focusout', (event) => { if (event.relatedTarget) held = false; });
watch('value', () => { if (held) element.querySelector('[data-point]')?.focus({ preventScroll: true }); });
