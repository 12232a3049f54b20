//! Telling a method that a plugin does not have from one that it refuses: by all of an answer, because "volume not found" and "this
//! volume type is not implemented" are about a volume.

use crate::base::text::one_line;
use crate::protocol::client::Response;

/// Texts that say so whatever the status is, as [`normal`] writes them.
const PHRASES: [&str; 8] = [
    "handler not found",
    "method not found",
    "page not found",
    "no such method",
    "unknown method",
    "not implemented",
    "method not implemented",
    "method is not implemented",
];

/// The texts of HTTP servers for their own statuses. With another status, or in JSON, they are about a volume.
const OF_SERVERS: [&str; 4] = ["", "not found", "method not allowed", "cannot"];

const METHODS: [&str; 9] = [
    "activate",
    "create",
    "remove",
    "mount",
    "unmount",
    "path",
    "get",
    "list",
    "capabilities",
];

/// Whether the words of an error in JSON say that there is no such method.
pub fn in_words(words: &str) -> bool {
    let text = normal(words);
    let not_implemented = text.strip_suffix(" not implemented");
    let subject = not_implemented.map(|subject| subject.strip_suffix(" is").unwrap_or(subject));
    PHRASES.contains(&text.as_str()) || subject.is_some_and(|subject| METHODS.contains(&subject))
}

/// Whether an answer without an error in JSON says that there is no such method.
pub fn in_answer(response: &Response) -> bool {
    let text = one_line(&response.beginning());
    let is_of_server = || is_html(&text) || OF_SERVERS.contains(&normal(&text).as_str());
    in_words(&text) || (matches!(response.status, 404 | 405 | 501) && is_of_server())
}

/// Whether a text is a page for browsers.
pub fn is_html(text: &str) -> bool {
    let starts = ["<!doctype html", "<html", "<head", "<body", "<title", "<h1"];
    starts.iter().any(|start| {
        let head = text.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start))
    })
}

/// Lower case, one blank between words, without punctuation, the method's full name, and the words of HTTP.
fn normal(text: &str) -> String {
    let lower = text.to_lowercase();
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '.' | '/');
    let words = lower.split(|c| !is_of_word(c));
    let words = words.map(|word| word.trim_matches(['.', '/']));
    let is_http = |word: &str| matches!(word, "" | "post" | "404" | "405" | "501");
    let words = words.filter(|word| !is_http(word) && !word.contains("volumedriver."));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_is_about_the_method() {
        for (words, expected) in [
            ("Handler not found", true),
            ("Handler not found: POST /VolumeDriver.Get", true),
            ("404 page not found", true),
            ("VolumeDriver.Get: not implemented", true),
            ("Get is not implemented.", true),
            ("Method not implemented", true),
            ("Not found", false),
            ("VolumeDriver.Get: not found", false),
            ("volume not found", false),
            ("handler not found for volume type gp9", false),
            ("snapshots are not implemented for this volume", false),
            ("encryption: not implemented", false),
            ("volume: page not found", false),
            ("", false),
        ] {
            assert_eq!(in_words(words), expected, "{words}");
        }
    }

    #[test]
    fn a_server_without_the_method_has_words_of_its_own() {
        for (status, body, expected) in [
            (404, "404 page not found\n", true),
            (404, "", true),
            (404, "Not Found", true),
            (404, "404: Not Found", true),
            (404, "Not Found: /VolumeDriver.Get", true),
            (404, "Cannot POST /VolumeDriver.Get", true),
            (404, "<!DOCTYPE html><p>volume not found</p>", true),
            (405, "405: Method Not Allowed", true),
            (501, "<h1>Not Implemented</h1>", true),
            (500, "Handler not found", true),
            (404, "volume not found", false),
            (404, "no such volume", false),
            (404, "volume type: not implemented", false),
            (501, "shrinking is not implemented", false),
            (500, "", false),
            (500, "Not Found", false),
            (500, "<html>", false),
            (200, "", false),
        ] {
            let body = body.as_bytes().to_vec();
            let response = Response { status, body };
            assert_eq!(in_answer(&response), expected, "{response:?}");
        }
    }
}
