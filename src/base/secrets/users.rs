//! User and password before the host of a URL, and before one without a scheme, as `joe:password@nas:/share`.

use std::ops::Range;

/// What stands in front of a host and is no user: of an address for mail, and of an image's digest.
const NO_USERS: [&str; 1] = ["mailto"];
const NO_HOSTS: [&str; 2] = ["sha256:", "sha512:"];

/// Where a text has what is to be masked: user and password of URLs, and the password where there is no scheme. In order, and none in
/// another.
pub fn places(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split_inclusive(ends_url) {
        find_in(word, start, &mut found);
        start += word.len();
    }
    found
}

/// The passwords among them, or what stands there alone.
pub fn passwords(text: &str) -> impl Iterator<Item = &str> {
    places(text).into_iter().map(|place| {
        let user = &text[place];
        user.split_once(':').map_or(user, |(_, password)| password)
    })
}

/// User and password at the beginning of a URL without its scheme. A password may hold what it must not, such as a slash.
pub fn of_url(url: &str) -> Option<&str> {
    of_word(&url[..url.find(ends_url).unwrap_or(url.len())])
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | ',' | ';')
}

/// A long word may hold many URLs: behind its last `@` none is looked for.
fn find_in(word: &str, start: usize, found: &mut Vec<Range<usize>>) {
    let Some(last) = word.rfind('@') else { return };
    let mut from = 0;
    while let Some(at) = word.get(from..last).and_then(|rest| rest.find("://")) {
        from += at + 3;
        let user = of_word(&word[from..]).unwrap_or_default();
        if !user.is_empty() {
            found.push(start + from..start + from + user.len());
            from += user.len();
        }
    }
    if from == 0
        && let Some(place) = without_scheme(word)
    {
        found.push(start + place.start..start + place.end);
    }
}

/// As [`of_url`], of a text without what ends a URL.
fn of_word(url: &str) -> Option<&str> {
    let authority = &url[..url.find(['/', '?', '#', '\\']).unwrap_or(url.len())];
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_open_user = !authority.starts_with('[')
        && authority
            .split_once(':')
            .is_some_and(|(_, port)| !is_port(port));
    let within = match authority.contains('@') || !has_open_user {
        true => authority,
        false => url,
    };
    let user = within.rfind('@').map(|at| &url[..at]);
    user.filter(|user| !user.is_empty())
}

/// The password in `joe:password@host`, up to the last `@`. A path before the colon or behind it is neither user nor password.
fn without_scheme(word: &str) -> Option<Range<usize>> {
    let (before, rest) = word.split_once(':')?;
    let user = before.rsplit(|c| !is_of_user(c)).next()?;
    let is_after_path = before.strip_suffix(user)?.ends_with('/');
    if user.is_empty() || is_after_path || NO_USERS.contains(&user) || rest.starts_with('/') {
        return None;
    }
    let length = rest.rfind('@')?;
    let host = &rest[length + 1..];
    let is_host = host.starts_with(|c: char| c.is_alphanumeric() || c == '[');
    let is_digest = NO_HOSTS.iter().any(|digest| host.starts_with(digest));
    let start = before.len() + 1;
    (length > 0 && is_host && !is_digest).then_some(start..start + length)
}

fn is_of_user(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_before_hosts_are_found() {
        for (text, expected) in [
            ("http://u:p@h/x", &["p"][..]),
            ("ftp://token@h", &["token"]),
            ("joe:s3cret@nas:/share", &["s3cret"]),
            ("o=joe:a@b/c@nas:/x, x", &["a@b/c"]),
            ("(joe:s/3@nas:/x)", &["s/3"]),
            ("joe:pw@tcp(db:3306)/x", &["pw"]),
            ("sshfs#joe:pw@h", &["pw"]),
            ("a://u:p@h joe:pw@h a://v:q@h", &["p", "pw", "q"]),
            ("nas:/share@daily", &[]),
            ("joe@nas:/share a:b", &[]),
            ("rexray/ebs:1.0@sha256:ab ebs:1@sha256:ab", &[]),
            ("mailto:joe@h", &[]),
            ("a:@h a:b@ :b@h a:b@ h", &[]),
        ] {
            assert_eq!(passwords(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    /// Each takes minutes where a word is read anew for each of its URLs.
    #[test]
    fn long_words_are_read_once() {
        for part in ["://", "a://b:c", "a://b:c@", "a:b@c:", "a://b:@c"] {
            let text = part.repeat(100_000);
            let found = places(&text);
            assert!(found.iter().all(|it| it.end <= text.len()), "{part}");
            places(&format!("{text}@h"));
        }
    }
}
