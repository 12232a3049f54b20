//! From the templates of Docker's users, which are Go's, to those of the crate: in Go a key begins with a dot and a variable with `$`, a
//! function stands before its arguments, and a block ends with `{{end}}`.

/// The name of the whole thing, and of the one that `range` is at: a lone dot in Go.
pub const WHOLE: &str = "this";

/// The functions of one argument that are filters of the same name.
const FUNCTIONS: [&str; 4] = ["json", "upper", "lower", "len"];

/// Functions of two arguments that are operators between them.
const OPERATORS: [(&str, &str); 4] = [("eq", "=="), ("ne", "!="), ("and", "and"), ("or", "or")];

/// Translates the actions between double braces.
///
/// # Errors
///
/// What is wrong with it.
pub fn translate(text: &str) -> Result<String, String> {
    let mut translated = String::new();
    let mut ends = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (whole, after) = after.split_once("}}").ok_or("'{{' without '}}'")?;
        let inner = whole.strip_prefix('-').unwrap_or(whole);
        let inner = inner.strip_suffix('-').unwrap_or(inner);
        let sign = |has: bool| if has { "-" } else { "" };
        let (begin, end) = (sign(whole.starts_with('-')), sign(whole.ends_with('-')));
        let action = match statement(inner, &mut ends)? {
            Some(statement) => format!("{{%{begin} {statement} {end}%}}"),
            None => format!("{{{{{begin} {} {end}}}}}", piped(inner)),
        };
        translated = translated + before + &action;
        rest = after;
    }
    match ends.is_empty() {
        true => Ok(translated + rest),
        false => Err("{{if}} or {{range}} without {{end}}".to_owned()),
    }
}

/// An action that prints nothing; `ends` are the ends of the blocks that are open.
fn statement(action: &str, ends: &mut Vec<&'static str>) -> Result<Option<String>, String> {
    let words = words(action);
    Ok(Some(match words.as_slice() {
        ["if", ..] => {
            ends.push("endif");
            format!("if {}", piped(after(action, "if")))
        }
        ["else", "if", ..] => format!("elif {}", piped(after(after(action, "else"), "if"))),
        ["else"] => "else".to_owned(),
        ["range", ..] => {
            ends.push("endfor");
            range(after(action, "range"))
        }
        ["end"] => ends
            .pop()
            .ok_or("{{end}} without {{if}} or {{range}}")?
            .to_owned(),
        [
            word @ ("with" | "define" | "template" | "block" | "break" | "continue"),
            ..,
        ] => {
            return Err(format!(
                "{{{{{word}}}}} is not known; there are {{{{if}}}}, {{{{else}}}}, {{{{range}}}} and {{{{end}}}}"
            ));
        }
        _ => return Ok(None),
    }))
}

fn after<'a>(action: &'a str, word: &str) -> &'a str {
    let action = action.trim_start();
    action.strip_prefix(word).unwrap_or(action)
}

/// `$key, $value := .Labels`, `$value := .Labels` or `.Labels`.
fn range(text: &str) -> String {
    let (variables, of) = text.split_once(":=").unwrap_or(("", text));
    let variables = variables.split(',').map(|name| plain(name.trim()));
    let variables: Vec<String> = variables.filter(|name| !name.is_empty()).collect();
    let of = piped(of);
    match variables.as_slice() {
        [] => format!("for {WHOLE} in {of}|values"),
        [value] => format!("for {value} in {of}|values"),
        _ => format!("for {} in {of}|items", variables.join(", ")),
    }
}

/// `json .Labels | upper` becomes `Labels|json | upper`.
fn piped(text: &str) -> String {
    let at = outside_quotes(text, |c| c == '|');
    let (first, pipe) = text.split_at(at.unwrap_or(text.len()));
    format!("{}{}", expression(&words(first)), pipe.trim_end())
}

fn expression(words: &[&str]) -> String {
    match words {
        [".Label", key] => format!("Labels[{key}]"),
        ["index", map, key] => format!("{}[{}]", plain(map), plain(key)),
        ["not", argument] => format!("not {}", plain(argument)),
        [function, argument] if FUNCTIONS.contains(function) => {
            format!("{}|{function}", plain(argument))
        }
        [function, one, other] => match OPERATORS.iter().find(|(name, _)| name == function) {
            Some((_, operator)) => format!("{} {operator} {}", plain(one), plain(other)),
            None => words.join(" "),
        },
        [word] => plain(word),
        _ => words.join(" "),
    }
}

/// `.Name` and `$.Name` are `Name`, `$key` is `key`, and a lone dot is the whole thing.
fn plain(word: &str) -> String {
    let word = word.strip_prefix('$').unwrap_or(word);
    match word.strip_prefix('.') {
        Some("") => WHOLE.to_owned(),
        Some(key) => key.to_owned(),
        None => word.to_owned(),
    }
}

/// What blanks part, but for those in a text in quotes.
fn words(mut text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return words;
        }
        let end = outside_quotes(text, char::is_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        words.push(word);
        text = rest;
    }
}

/// Where the first such character is that is in no quotes.
fn outside_quotes(text: &str, is_wanted: impl Fn(char) -> bool) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            None if is_wanted(c) => return Some(at),
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => {}
        }
    }
    None
}
