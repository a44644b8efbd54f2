// A picture that changes without a flicker: the value is its src.
const hint = element.querySelector('.hint');
const draw = () => {
    const box = element.querySelector('.view');
    let image = box.querySelector('img');
    if (!props.value) {
        box.replaceChildren(hint);
        return;
    }
    if (!image) {
        image = document.createElement('img');
        image.alt = 'The portrait as the controls say';
        box.replaceChildren(image);
    }
    image.src = props.value;
};
watch('value', draw);
draw();
