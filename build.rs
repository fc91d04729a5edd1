//! Embeds `static/` (style sheet, script, icons) into the binary.

fn main() {
    memory_serve::load_directory("./static");
}
