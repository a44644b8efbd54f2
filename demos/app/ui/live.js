// The live view. Each turn sends the camera's newest frame and draws the answer; one frame is under way at a time.
const find = (name) => element.querySelector(`[data-live="${name}"]`);
const [start, rest, mirror, sheet, picture, told, alert] =
    ['start', 'calibrate', 'mirror', 'sent', 'picture', 'told', 'alert'].map(find);
const SHORT = 240; // pixels of the camera's shorter side that are sent
const camera = document.createElement('video'); // not on the page: what is shown is what is sent
camera.muted = camera.playsInline = true;
let stream = null;
let calibrate = false;
let times = [];

const place = () => JSON.parse(props.value || '{}');

const say = (words, bad = false) => {
    told.textContent = bad ? '' : words;
    alert.textContent = bad ? words : '';
};

const still = () => {
    const { face } = place();
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

const stop = (words = 'Stopped.', bad = false) => {
    if (stream) {
        stream.getTracks().forEach((track) => track.stop());
        fetch(`${place().address}?leave=1`, { method: 'POST', keepalive: true }).catch(() => {});
    }
    stream = null;
    camera.srcObject = null;
    element.querySelector('.live').dataset.on = 'false';
    start.textContent = 'Start the camera';
    rest.disabled = true;
    say(words, bad);
};

const begin = async () => {
    if (!navigator.mediaDevices) {
        say('The browser gives the camera to pages on this machine or over https alone.', true);
        return;
    }
    start.disabled = true;
    say('Waiting for the camera');
    try {
        stream = await navigator.mediaDevices.getUserMedia({
            video: { width: { ideal: 320 }, height: { ideal: 240 }, facingMode: 'user' },
        });
    } catch (error) {
        say('The camera cannot be had: allow this page to use it and try again.', true);
        return;
    } finally {
        start.disabled = false;
    }
    camera.srcObject = stream;
    await camera.play();
    element.querySelector('.live').dataset.on = 'true';
    start.textContent = 'Stop the camera';
    rest.disabled = false;
    times = [];
    run(stream);
};

const frame = () => {
    const share = Math.min(1, SHORT / Math.min(camera.videoWidth, camera.videoHeight));
    sheet.width = Math.round(camera.videoWidth * share);
    sheet.height = Math.round(camera.videoHeight * share);
    sheet.getContext('2d').drawImage(camera, 0, 0, sheet.width, sheet.height);
    return new Promise((done) => sheet.toBlob(done, 'image/jpeg', 0.85));
};

const run = async (mine) => {
    while (stream === mine) {
        if (!element.isConnected || element.offsetParent === null) return stop();
        const taken = performance.now();
        const asked = new URLSearchParams({ mirror: Number(mirror.checked), calibrate: Number(calibrate) });
        calibrate = false;
        let answer;
        try {
            const body = await frame();
            if (stream !== mine) return; // stopped meanwhile: the place is somebody else's
            answer = await fetch(`${place().address}?${asked}`, { method: 'POST', body });
            if (!answer.ok) return stop(await answer.text(), true);
            const image = await createImageBitmap(await answer.blob());
            if (stream !== mine) return;
            draw(image);
            image.close();
        } catch (error) {
            return stop('The connection is gone; load the page anew.', true);
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
    const words = face ? 'Live' : 'No face is seen: look into the camera. The last motion is held.';
    if (told.textContent !== words) say(words);
};

start.addEventListener('click', () => (stream ? stop() : begin()));
rest.addEventListener('click', () => { calibrate = true; });
mirror.addEventListener('change', () => { element.querySelector('.live').dataset.mirror = mirror.checked; });
watch('value', still);
still();
