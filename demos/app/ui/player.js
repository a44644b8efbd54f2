// A video. One that is still being made plays as it grows; the finished one goes on from the same time.
let shown = null;
const heard = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve, {once: true}));
const follow = async (video, address) => {  // a plain src would start only when the rest seems to arrive in time
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
    const next = JSON.parse(props.value || '{}');
    const box = element.querySelector('.player');
    if (shown && shown.address === next.address && box.firstChild) return;
    const old = box.querySelector('video');
    const at = old && shown && shown.growing && !next.growing ? old.currentTime : 0;
    const still = old && next.address ? old.paused && !old.ended && old.readyState > 2 : false;
    shown = next;
    box.replaceChildren();
    if (!next.address) return;
    const video = document.createElement('video');
    video.controls = video.playsInline = true;
    video.preload = 'auto';
    video.muted = next.growing;
    video.loop = !next.growing;
    video.dataset.growing = String(next.growing);
    video.setAttribute('aria-label', next.label);
    video.addEventListener('loadedmetadata', () => { if (at && at < video.duration) video.currentTime = at; });
    if (!still) video.addEventListener('canplay', () => video.play().catch(() => {}), {once: true});
    if (next.growing) {
        video.hidden = true;  // until there is something to see
        video.addEventListener('loadeddata', () => { video.hidden = false; }, {once: true});
    }
    box.append(video);
    if (next.growing && window.MediaSource) follow(video, next.address).catch(() => {});
    else video.src = next.address;
    if (next.growing || !next.name) return;
    const link = document.createElement('a');
    link.className = 'save';
    link.href = next.address;
    link.download = next.name;
    link.textContent = 'Download ' + next.name;
    box.append(link);
};
watch('value', show);
show();
