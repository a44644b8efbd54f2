// Downloads a file to the visitor's side, once for each value.
watch('value', () => {
    if (!props.value) return;
    const file = JSON.parse(props.value);
    const link = document.createElement('a');
    link.href = file.address;
    link.download = file.name;
    document.body.append(link);
    link.click();
    link.remove();
    element.querySelector('.saver').textContent = 'Saved as ' + file.name;
});
