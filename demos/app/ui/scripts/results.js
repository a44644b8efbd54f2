// The results of a visit. A click shows one in the player (event `pick`); two are compared by a slider here. The
// value (JSON): a list of name, label, thumb, address.
let results = [];
let chosen = null;  // names to compare; null while one click shows one
const box = () => element.querySelector('.results');
const find = (name) => element.querySelector(`[data-results="${name}"]`);

const compare = () => {
    const pair = chosen.map((name) => results.find((each) => each.name === name));
    const videos = pair.map(({ address, label }) => {
        const video = document.createElement('video');
        Object.assign(video, { src: address, muted: true, loop: true, playsInline: true });
        video.setAttribute('aria-label', label);
        return video;
    });
    const [below, above] = videos;
    const slider = document.createElement('input');
    Object.assign(slider, { type: 'range', min: 0, max: 100, value: 50 });
    slider.setAttribute('aria-label', `${pair[0].label} on the left, ${pair[1].label} on the right`);
    const cut = () => {
        above.style.clipPath = `inset(0 0 0 ${slider.value}%)`;
        line.style.left = `${slider.value}%`;
    };
    const line = document.createElement('i');
    const stage = document.createElement('div');
    stage.className = 'two';
    stage.append(...videos, line, slider);
    slider.addEventListener('input', cut);
    cut();
    below.addEventListener('loadedmetadata', () =>
        stage.style.setProperty('--ratio', below.videoWidth / below.videoHeight));
    below.addEventListener('timeupdate', () => {
        if (Math.abs(above.currentTime - below.currentTime) > 0.06) above.currentTime = below.currentTime;
    });
    videos.forEach((video) => video.play().catch(() => {}));
    find('stage').replaceChildren(stage);
};

const draw = () => {
    box().hidden = !results.length;
    find('compare').hidden = results.length < 2;
    find('compare').setAttribute('aria-pressed', String(chosen !== null));
    find('said').textContent = chosen ? 'Choose two of them.' : '';
    if (!chosen) find('stage').replaceChildren();
    find('strip').replaceChildren(...results.map((each) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.className = 'pick';
        const image = Object.assign(new Image(), { src: each.thumb, alt: '' });
        const text = Object.assign(document.createElement('span'), { textContent: each.label });
        button.append(image, text);
        button.setAttribute('aria-pressed', String(chosen ? chosen.includes(each.name) : Boolean(each.shown)));
        button.addEventListener('click', () => {
            if (!chosen) return trigger('pick', { name: each.name });
            chosen = [...chosen.filter((name) => name !== each.name), each.name].slice(-2);
            draw();
            if (chosen.length === 2) compare();
        });
        return button;
    }));
};
find('compare').addEventListener('click', () => { chosen = chosen ? null : []; draw(); });
const read = () => { results = props.value ? JSON.parse(props.value) : []; draw(); };
watch('value', read);
read();
