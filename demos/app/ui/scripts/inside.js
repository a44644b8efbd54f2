// Pictures of a frame: a click chooses a point in those marked data-point; with focus, the arrow keys move it.
let at = null;
let focused = false; // by the keyboard: to be focused again when the pictures are replaced

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
    focused = true;
    const from = at ?? { x: 0.5, y: 0.65 };
    choose(from.x + step[0] / 64, from.y + step[1] / 64);
});

element.addEventListener('focusout', (event) => { if (event.relatedTarget) focused = false; });
watch('value', () => { if (focused) element.querySelector('[data-point]')?.focus({ preventScroll: true }); });
