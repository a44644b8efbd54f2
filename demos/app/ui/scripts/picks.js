// Samples to pick from: the value is the name, which the event `pick` carries too.
const row = element.querySelector('.picks');
const mark = () => element.querySelectorAll('.pick').forEach(
    (each) => each.setAttribute('aria-pressed', String(each.dataset.name === props.value)));
const more = () => { row.dataset.more = row.scrollWidth - row.scrollLeft > row.clientWidth + 6; };
element.addEventListener('click', (event) => {
    const button = event.target.closest('.pick');
    if (!button) return;
    props.value = button.dataset.name;
    mark();
    trigger('pick', {name: button.dataset.name});
});
row.addEventListener('scroll', more);
new ResizeObserver(more).observe(row);
watch('value', mark);
mark();
