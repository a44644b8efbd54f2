// HTML with buttons: a click on one triggers `pick` with its name, and what to do (data-act).
element.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-name]');
    if (button) trigger('pick', { name: button.dataset.name, act: button.dataset.act ?? '' });
});
