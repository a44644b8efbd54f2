// Finished results: one plays while it is pointed at or has the focus; its button begins one like it.
const all = [...element.querySelectorAll('.shown')];
const play = (each, on) => {
    const video = each.querySelector('video');
    if (on) video.play().catch(() => {}); else video.pause();
};
for (const each of all) {
    each.addEventListener('pointerenter', () => play(each, true));
    each.addEventListener('pointerleave', () => play(each, false));
    each.addEventListener('focusin', () => play(each, true));
    each.addEventListener('focusout', () => play(each, false));
    each.querySelector('button').addEventListener('click', () =>
        trigger('pick', { portrait: each.dataset.portrait, driver: each.dataset.driver }));
}
if (matchMedia('(hover: none)').matches) {  // nothing points on a phone: the one in the middle plays
    const seen = new IntersectionObserver((changes) =>
        changes.forEach(({ target, intersectionRatio }) => play(target, intersectionRatio > 0.9)), { threshold: [0, 0.9, 1] });
    all.forEach((each) => seen.observe(each));
}
