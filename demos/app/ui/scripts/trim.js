// The part of the driver that is used, by two handles. The value (JSON): length, start, end, in seconds; most: of
// a part, if there is a limit.
let part = null;
const find = (name) => element.querySelector(`[data-trim="${name}"]`);
const [start, end] = [find('start'), find('end')];
const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, '0')}`;

const draw = () => {
    element.querySelector('.trim').hidden = !part?.length;
    if (!part?.length) return;
    for (const each of [start, end]) each.max = part.length;
    start.value = part.start;
    end.value = part.end;
    for (const each of [start, end]) each.setAttribute('aria-valuetext', clock(Number(each.value)));
    const [from, to] = [part.start, part.end].map((each) => 100 * each / part.length);
    find('track').style.background =
        `linear-gradient(90deg, var(--track) ${from}%, var(--primary-600) ${from}% ${to}%, var(--track) ${to}%)`;
    const whole = part.start === 0 && part.end === part.length;
    const taken = `${clock(part.start)} to ${clock(part.end)} of ${clock(part.length)}`;
    find('said').textContent = whole ? `The whole driver, ${clock(part.length)}` : `The part from ${taken}`;
    find('limit').hidden = !(part.most < part.length);
    find('limit').textContent = `At most ${clock(part.most)} at once: move the handles to the part you want.`;
};

const moved = (which) => {
    const least = Math.min(0.2, part.length);
    if (which === start) {
        part.start = Math.min(Number(start.value), part.length - least);
        part.end = Math.min(Math.max(part.end, part.start + least), part.start + part.most);
    } else {
        part.end = Math.max(Number(end.value), least);
        part.start = Math.max(Math.min(part.start, part.end - least), part.end - part.most);
    }
    draw();
    const video = element.closest('.card')?.querySelector('video');
    if (video) video.currentTime = which === start ? part.start : Math.max(part.end - 0.05, 0);
};
for (const each of [start, end]) {
    each.addEventListener('input', () => moved(each));
    each.addEventListener('change', () => { props.value = JSON.stringify(part); trigger('pick', {}); });
}
const read = () => { part = props.value ? JSON.parse(props.value) : null; draw(); };
watch('value', read);
read();
