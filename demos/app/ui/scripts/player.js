// A video. One that is still being made shows its newest frame until it can run to its end without a stop; the
// finished one goes on from the same time.
let shown = null;
let runs = false;  // the growing video plays, instead of showing its newest frame
const box = () => element.querySelector('.player');
const heard = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve, {once: true}));

const newest = (video) => {
    if (runs || video.seeking || !video.buffered.length) return;
    const end = Math.max(video.buffered.end(video.buffered.length - 1) - 0.01, 0);
    if (end - video.currentTime > 0.01) video.currentTime = end;
};

const follow = async (video, address) => {
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
        newest(video);
    }
    if (media.readyState === 'open') media.endOfStream();
};

const run = (video, on) => {
    runs = on;
    video.controls = on;
    video.dataset.runs = String(on);
    if (!on) { video.pause(); newest(video); return; }
    video.currentTime = 0;
    video.play().catch(() => {});
};

const make = (next) => {
    const video = document.createElement('video');
    video.playsInline = true;
    video.preload = 'auto';
    video.hidden = true;  // until there is something to see
    video.dataset.growing = String(next.growing);
    video.setAttribute('aria-label', next.label);
    video.addEventListener('loadedmetadata', () =>
        video.style.setProperty('--ratio', video.videoWidth / video.videoHeight));
    return video;
};

const grow = (next) => {
    const video = make(next);
    video.muted = true;
    runs = false;
    video.addEventListener('loadeddata', () => { video.hidden = false; }, {once: true});
    video.addEventListener('seeked', () => newest(video));
    video.addEventListener('waiting', () => { if (runs) run(video, false); });
    box().replaceChildren(video);
    video.scrollIntoView({block: 'nearest'});
    if (window.MediaSource) follow(video, next.address).catch(() => {});
};

const picture = (next) => {  // a GIF, which no <video> plays
    const image = Object.assign(new Image(), { src: next.address, alt: next.label });
    image.onload = () => image.style.setProperty('--ratio', image.naturalWidth / image.naturalHeight);
    box().replaceChildren(image);
};

const finish = (next) => {
    const old = box().querySelector('video');
    const going = old && old.dataset.growing === 'true' && runs;
    const paused = going && old.paused && !old.ended;
    const video = make(next);
    video.controls = true;
    const ready = () => {
        if (going && old.isConnected) video.muted = old.muted;
        video.hidden = false;
        box().querySelectorAll('video, img').forEach((each) => { if (each !== video) each.remove(); });
        if (!paused && next.plays) video.play().catch(() => {});
    };
    video.addEventListener('loadedmetadata', () => {
        const at = going ? Math.min(old.currentTime, video.duration) : 0;
        if (at) video.currentTime = at;
        video.addEventListener(at ? 'seeked' : 'loadeddata', ready, {once: true});
    }, {once: true});
    box().querySelectorAll('.save').forEach((each) => each.remove());
    box().append(video);
    video.src = next.address;
};

const save = (next) => {
    if (!next.name) return;
    const link = Object.assign(document.createElement('a'), {
        className: 'save', href: next.address, download: next.name, textContent: 'Download ' + next.name,
    });
    box().append(link);
};

const show = () => {
    const next = JSON.parse(props.value || '{}');
    const same = shown && shown.address === next.address && box().firstChild;
    shown = next;
    const video = box().querySelector('video');
    if (same && next.growing && next.plays && video && !runs) run(video, true);
    if (same) return;
    if (!next.address) box().replaceChildren();
    else if (next.growing) grow(next);
    else {
        if (next.name.endsWith('.gif')) picture(next); else finish(next);
        save(next);
    }
};
watch('value', show);
show();
