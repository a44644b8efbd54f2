// Samples to pick from: the value is the name, which the event `pick` carries too.
const mark = () => element.querySelectorAll('.pick').forEach(
    (each) => each.setAttribute('aria-pressed', String(each.dataset.name === props.value)));
element.addEventListener('click', (event) => {
    const button = event.target.closest('.pick');
    if (!button) return;
    props.value = button.dataset.name;
    mark();
    trigger('pick', {name: button.dataset.name});
});
watch('value', mark);
mark();
