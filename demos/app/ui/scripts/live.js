// The live view. Each turn sends the camera's newest frame and draws the answer; one frame is in flight at a time.
const find = (name) => element.querySelector(`[data-live="${name}"]`);
const [start, rest, mirror, label, sheet, picture, status, alert, record, cameras] =
    ['start', 'calibrate', 'mirror', 'label', 'sent', 'picture', 'status', 'alert', 'record', 'camera'].map(find);
const running = ['calibrate', 'snapshot', 'record', 'full'].map(find); // what needs a running camera
const gains = [...element.querySelectorAll('[data-gain]')];
const SHORT = 240; // pixels of a sent frame's shorter side
const camera = document.createElement('video'); // not on the page: what is shown is what is sent
camera.muted = camera.playsInline = true;
let stream = null;
let calibrate = false;
let times = [];

const seat = () => JSON.parse(props.value || '{}');

const say = (text, bad = false) => {
    status.textContent = bad ? '' : text;
    alert.textContent = bad ? text : '';
};

const still = () => {
    const { face } = seat();
    start.disabled = !face;
    if (stream || !face) return;
    const image = new Image();
    image.onload = () => { if (!stream) draw(image); };
    image.src = face;
    say('Ready: start the camera.');
};

const draw = (image) => {
    picture.width = image.width;
    picture.height = image.height;
    picture.getContext('2d').drawImage(image, 0, 0);
};

const stop = (text = 'Stopped.', bad = false) => {
    if (stream) {
        stream.getTracks().forEach((track) => track.stop());
        if (record.getAttribute('aria-pressed') === 'true') keep();
        fetch(`${seat().address}?do=leave`, { method: 'POST', keepalive: true }).catch(() => {});
    }
    stream = null;
    camera.srcObject = null;
    element.querySelector('.live').dataset.on = 'false';
    start.textContent = 'Start the camera';
    running.forEach((each) => { each.disabled = true; });
    say(text, bad);
};

const begin = async () => {
    if (!navigator.mediaDevices) {
        say('The browser allows the camera only on https pages and on this machine.', true);
        return;
    }
    start.disabled = true;
    say('Waiting for the camera');
    try {
        stream = await navigator.mediaDevices.getUserMedia({
            video: {
                width: { ideal: 320 }, height: { ideal: 240 },
                ...(cameras.value ? { deviceId: { exact: cameras.value } } : { facingMode: 'user' }),
            },
        });
    } catch (error) {
        say('No access to the camera: allow it for this page and try again.', true);
        return;
    } finally {
        start.disabled = false;
    }
    camera.srcObject = stream;
    await camera.play();
    element.querySelector('.live').dataset.on = 'true';
    start.textContent = 'Stop the camera';
    running.forEach((each) => { each.disabled = false; });
    times = [];
    list();
    run(stream);
};

const list = async () => {
    const found = (await navigator.mediaDevices.enumerateDevices()).filter((each) => each.kind === 'videoinput');
    const used = stream?.getVideoTracks()[0]?.getSettings().deviceId;
    cameras.replaceChildren(...found.map((each, index) =>
        new Option(each.label || `Camera ${index + 1}`, each.deviceId, false, each.deviceId === used)));
    find('cameras').hidden = found.length < 2;
};

const ask = async (what) => {
    const answer = await fetch(`${seat().address}?do=${what}`, { method: 'POST', keepalive: true });
    if (!answer.ok) return say(await answer.text(), true);
    const file = await answer.json();
    if (file.address) Object.assign(document.createElement('a'), { href: file.address, download: file.name }).click();
};
const keep = () => {
    record.setAttribute('aria-pressed', 'false');
    record.textContent = 'Record';
    return ask('keep');
};

const frame = () => {
    const scale = Math.min(1, SHORT / Math.min(camera.videoWidth, camera.videoHeight));
    sheet.width = Math.round(camera.videoWidth * scale);
    sheet.height = Math.round(camera.videoHeight * scale);
    sheet.getContext('2d').drawImage(camera, 0, 0, sheet.width, sheet.height);
    return new Promise((done) => sheet.toBlob(done, 'image/jpeg', 0.85));
};

const run = async (mine) => {
    while (stream === mine) {
        if (!element.isConnected || element.offsetParent === null) return stop();
        const taken = performance.now();
        const asked = new URLSearchParams({
            mirror: Number(mirror.checked), label: Number(label.checked), calibrate: Number(calibrate),
        });
        gains.forEach((each) => asked.set(each.dataset.gain, each.value));
        calibrate = false;
        let answer;
        try {
            const body = await frame();
            if (stream !== mine) return; // stopped meanwhile: somebody else may have the seat
            answer = await fetch(`${seat().address}?${asked}`, { method: 'POST', body });
            if (!answer.ok) return stop(await answer.text(), true);
            const image = await createImageBitmap(await answer.blob());
            if (stream !== mine) return;
            draw(image);
            image.close();
        } catch (error) {
            return stop('The connection is lost; reload the page.', true);
        }
        count(performance.now(), taken, answer.headers.get('X-Face') === '1');
    }
};

const count = (now, taken, face) => {
    times.push({ now, taken });
    times = times.filter((time) => now - time.now < 2000);
    const first = times[0];
    const rate = times.length > 1 ? (1000 * (times.length - 1)) / (now - first.now) : 0;
    const behind = times.reduce((sum, time) => sum + time.now - time.taken, 0) / times.length;
    find('rate').textContent = rate.toFixed(1);
    find('behind').textContent = behind.toFixed(0);
    const text = face ? 'Live' : 'No face in view: look into the camera. The last motion is held.';
    if (status.textContent !== text) say(text);
};

start.addEventListener('click', () => (stream ? stop() : begin()));
rest.addEventListener('click', () => { calibrate = true; });
find('snapshot').addEventListener('click', () => ask('snapshot'));
record.addEventListener('click', () => {
    if (record.getAttribute('aria-pressed') === 'true') return keep();
    record.setAttribute('aria-pressed', 'true');
    record.textContent = 'Stop and keep';
    return ask('record');
});
find('full').addEventListener('click', () =>
    (document.fullscreenElement ? document.exitFullscreen() : element.querySelector('.views').requestFullscreen()));
cameras.addEventListener('change', () => { if (stream) { stop('Changing the camera'); begin(); } });
mirror.addEventListener('change', () => { element.querySelector('.live').dataset.mirror = mirror.checked; });
watch('value', still);
still();
