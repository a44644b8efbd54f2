// A picture that changes without flicker: the value is its src.
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
        image.alt = 'The edited portrait';
        box.replaceChildren(image);
    }
    image.src = props.value;
};
watch('value', draw);
draw();
