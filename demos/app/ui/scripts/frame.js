// A picture in which a face is chosen by a click and a part by a box; the value (JSON) tells which:
// src, faces (each left, top, right, bottom as fractions), face (an index or null), crop (a box or null), crops.
let state = null;
const find = (name) => element.querySelector(`[data-frame="${name}"]`);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const tell = () => { props.value = JSON.stringify(state); trigger('pick', {}); };

const place = (each, [left, top, right, bottom]) => Object.assign(each.style, {
    left: `${100 * left}%`, top: `${100 * top}%`,
    width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
});

const draw = () => {
    element.querySelector('.frame').hidden = !state?.src;
    if (!state?.src) return;
    find('image').src = state.src;
    find('faces').replaceChildren(...(state.faces.length < 2 ? [] : state.faces.map((box, index) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.setAttribute('aria-label', `Face ${index + 1} from the left`);
        button.setAttribute('aria-pressed', String(index === state.face));
        button.addEventListener('click', () => {
            state.face = state.face === index ? null : index;
            draw();
            tell();
        });
        place(button, box);
        return button;
    })));
    find('several').hidden = state.faces.length < 2;
    find('switch').hidden = !state.crops;
    find('crop').checked = Boolean(state.crop);
    find('box').hidden = !state.crop;
    if (state.crop) place(find('box'), state.crop);
};

const move = (corner, x, y) => {  // by fractions; a corner alone, or the whole box
    let [left, top, right, bottom] = state.crop;
    if (!corner) {
        x = clamp(x, -left, 1 - right);
        y = clamp(y, -top, 1 - bottom);
        [left, top, right, bottom] = [left + x, top + y, right + x, bottom + y];
    } else {
        if (corner.includes('w')) left = clamp(left + x, 0, right - 0.1); else right = clamp(right + x, left + 0.1, 1);
        if (corner.includes('n')) top = clamp(top + y, 0, bottom - 0.1); else bottom = clamp(bottom + y, top + 0.1, 1);
    }
    state.crop = [left, top, right, bottom];
    place(find('box'), state.crop);
};

find('crop').addEventListener('change', () => {
    state.crop = find('crop').checked ? [0.05, 0.05, 0.95, 0.95] : null;
    draw();
    tell();
});
find('box').addEventListener('pointerdown', (event) => {
    event.preventDefault();
    const box = find('box');
    box.setPointerCapture(event.pointerId);
    const corner = event.target.dataset.corner;
    const moved = (next) => {
        const whole = find('image').getBoundingClientRect();
        move(corner, next.movementX / whole.width, next.movementY / whole.height);
    };
    box.addEventListener('pointermove', moved);
    box.addEventListener('lostpointercapture', () => { box.removeEventListener('pointermove', moved); tell(); }, {once: true});
});
find('box').addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    move(event.shiftKey ? 'se' : undefined, step[0] / 50, step[1] / 50);
    tell();
});
const read = () => { state = props.value ? JSON.parse(props.value) : null; draw(); };
watch('value', read);
read();
