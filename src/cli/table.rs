//! Answers in columns, for people.

use crate::base::text::escape_unprintable;

/// The rows below their head, each column as wide as its widest cell, with no blanks at the end of a line. What cannot be
/// printed is escaped in cells, so that a name cannot forge a line.
pub fn columns<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let rows: Vec<[String; N]> = std::iter::once(&head)
        .chain(rows)
        .map(|row| row.clone().map(|cell| escape_unprintable(&cell)))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_names_cannot_forge_lines() {
        let rows = [
            ["a".into(), "x\ny".into()],
            ["longer".into(), String::new()],
        ];
        assert_eq!(
            columns(["D", "NAME"], &rows),
            "D       NAME\na       x\\ny\nlonger\n"
        );
    }
}
