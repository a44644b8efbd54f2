"""How the page looks: a theme with system fonts only, so that the browser fetches nothing."""

from pathlib import Path

from gradio.themes import Base, Color, colors, sizes

FONTS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "monospace")
_PAPER = Color(
    name="paper",
    c50="#fbfaf8",
    c100="#f4f2ee",
    c200="#e7e4de",
    c300="#d5d1c9",
    c400="#a7a299",
    c500="#79756d",
    c600="#5a574f",
    c700="#3b3a36",
    c800="#23242a",
    c900="#191b21",
    c950="#111318",
)


def style() -> str:
    """Our style sheet for the page's <head>; passed as `css`, gradio would rewrite it."""
    return f"<style>{(Path(__file__).parent / 'style.css').read_text()}</style>"


def theme() -> Base:
    """Paper and ink with one accent color, and the same in dark."""
    made = Base(
        primary_hue=colors.teal,
        secondary_hue=colors.teal,
        neutral_hue=_PAPER,
        radius_size=sizes.radius_lg,
        spacing_size=sizes.spacing_md,
        text_size=sizes.text_md,
        font=FONTS,
        font_mono=MONO,
    )
    return made.set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_800",
        body_text_color_dark="#e9e7e2",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_800",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_shadow_dark="none",
        block_padding="0px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_border_width_dark="0px",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_400",
        block_title_text_weight="500",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        border_color_primary="*neutral_200",
        border_color_primary_dark="#2c2e36",
        border_color_accent="*primary_600",
        color_accent="*primary_700",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="#12302f",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        input_background_fill="*neutral_50",
        input_background_fill_dark="#1f2128",
        input_border_color="*neutral_300",
        input_border_color_dark="#363943",
        input_shadow="none",
        input_shadow_focus="0 0 0 3px rgba(20, 184, 166, 0.25)",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="#3a3d47",
        button_border_width="1px",
        button_large_radius="10px",
        button_large_text_weight="600",
        button_small_radius="8px",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        checkbox_background_color_selected="*primary_700",
        checkbox_background_color_selected_dark="*primary_600",
        checkbox_border_color_selected="*primary_700",
        checkbox_border_color_focus="*primary_600",
        checkbox_border_color_hover="*primary_600",
        checkbox_label_background_fill="transparent",
        checkbox_label_background_fill_dark="transparent",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_background_fill_selected_dark="#12302f",
        checkbox_label_border_color="*neutral_300",
        checkbox_label_border_color_dark="#363943",
        checkbox_label_border_color_selected="*primary_600",
        checkbox_label_shadow="none",
    )
