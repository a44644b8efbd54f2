// A video; one that is still being made plays as it comes, and when it is whole goes on from there.
let shown = null;
const heard = (target, name) => new Promise((tell) => target.addEventListener(name, tell, {once: true}));
const follow = async (video, address) => {  // a plain src would wait until the rest seems to come in time
    const media = new MediaSource();
    video.src = URL.createObjectURL(media);
    await heard(media, 'sourceopen');
    const buffer = media.addSourceBuffer('video/mp4; codecs="avc1.42C01F"');
    const reader = (await fetch(address)).body.getReader();
    for (;;) {
        const part = await reader.read();
        if (part.done || media.readyState !== 'open') break;
        buffer.appendBuffer(part.value);
        await heard(buffer, 'updateend');
    }
    if (media.readyState === 'open') media.endOfStream();
};
const show = () => {
    const film = JSON.parse(props.value || '{}');
    const box = element.querySelector('.player');
    if (shown && shown.address === film.address && box.firstChild) return;
    const old = box.querySelector('video');
    const at = old && shown && shown.making && !film.making ? old.currentTime : 0;
    const still = old && film.address ? old.paused && !old.ended && old.readyState > 2 : false;
    shown = film;
    box.replaceChildren();
    if (!film.address) return;
    const video = document.createElement('video');
    video.controls = video.playsInline = true;
    video.preload = 'auto';
    video.muted = film.making;
    video.loop = !film.making;
    video.dataset.making = String(film.making);
    video.setAttribute('aria-label', film.label);
    video.addEventListener('loadedmetadata', () => { if (at && at < video.duration) video.currentTime = at; });
    if (!still) video.addEventListener('canplay', () => video.play().catch(() => {}), {once: true});
    if (film.making) {
        video.hidden = true;  // until there is something to see
        video.addEventListener('loadeddata', () => { video.hidden = false; }, {once: true});
    }
    box.append(video);
    if (film.making && window.MediaSource) follow(video, film.address).catch(() => {});
    else video.src = film.address;
    if (film.making || !film.name) return;
    const link = document.createElement('a');
    link.className = 'save';
    link.href = film.address;
    link.download = film.name;
    link.textContent = 'Download ' + film.name;
    box.append(link);
};
watch('value', show);
show();
