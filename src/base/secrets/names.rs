//! Which names of options and fields stand for secrets.

/// Words that make a name one of a secret wherever they are in it.
const WITHIN: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "credential",
    "authorization",
];

/// Parts of a name that do so as whole words: `author`, `pinned` and `sasl` are none.
const WORDS: [&str; 15] = [
    "pass",
    "pwd",
    "psk",
    "pin",
    "auth",
    "cred",
    "creds",
    "sas",
    "bearer",
    "cookie",
    "signature",
    "jwt",
    "otp",
    "totp",
    "dsn",
];

/// Names for a whole address with its password, but for what separates their words.
const ADDRESSES: [&str; 3] = ["connectionstring", "connstring", "connstr"];

/// The same at the end of a word: `sshpass`, `oauth`.
const AT_END: [&str; 4] = ["pass", "pwd", "psk", "auth"];

/// Words that end or go on like a secret, and are none.
const HARMLESS: [&str; 9] = [
    "bypass", "compass", "keyboard", "keyspace", "keyword", "keyring", "monkey", "turkey", "hockey",
];

/// What a name is about in whose last part a key stands for its place, kind or size, not for itself: `keyfile`, `keyId`.
const ABOUT_KEYS: [&str; 16] = [
    "file",
    "files",
    "path",
    "dir",
    "directory",
    "store",
    "id",
    "name",
    "type",
    "size",
    "bits",
    "length",
    "format",
    "version",
    "alg",
    "algorithm",
];

/// Whether the value of an option or field of this name must not be shown.
pub fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    if WITHIN.iter().any(|word| lower.contains(word)) {
        return true;
    }
    // The signature of an address of Azure's. `ecryptfs_sig` only names a key.
    lower == "sig"
        || words(name).iter().any(|word| is_secret_word(word))
        || holds_key(name)
        || is_address(&lower)
}

fn is_secret_word(word: &str) -> bool {
    !HARMLESS.contains(&word)
        && (WORDS.contains(&word) || AT_END.iter().any(|end| word.ends_with(end)))
}

fn is_address(lower: &str) -> bool {
    let letters: String = lower.split(['_', '-', '.']).collect();
    ADDRESSES.iter().any(|address| letters.contains(address))
}

/// Whether a word means a key: also the passphrase of an encrypted device, and what a file of keys holds.
fn means_key(word: &str) -> bool {
    word.contains("key") && !HARMLESS.contains(&word) || matches!(word, "luks" | "pem")
}

/// Whether the name is that of a key, and not of something about one.
fn holds_key(name: &str) -> bool {
    let words = words(name);
    let has_key = words.iter().any(|word| means_key(word));
    let is_about = words.last().is_some_and(|last| {
        let end = last
            .rsplit_once("key")
            .map_or(last.as_str(), |(_, end)| end);
        ABOUT_KEYS.contains(&end)
    });
    has_key && !is_about
}

/// The words of a name, in lower case and without digits at their end: `sshPass2` has `ssh` and `pass`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let is_start = c.is_ascii_uppercase() && was_lower;
        if is_start || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
        was_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    let words = words.iter();
    let words = words.map(|word| {
        word.trim_end_matches(|c: char| c.is_ascii_digit())
            .to_owned()
    });
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "password",
            "Pass",
            "sshPass",
            "sshpass",
            "apiKey",
            "apikey",
            "encryption_key",
            "token",
            "clientSecret",
            "passphrase",
            "pwd",
            "dbPwd",
            "psk",
            "wifi-psk",
            "pin",
            "user.pin",
            "PIN",
            "passcode",
            "auth",
            "oauth",
            "x-auth",
            "cred",
            "creds",
            "sas",
            "sasUrl",
            "bearer",
            "Cookie",
            "signature",
            "sig",
            "password2",
            "key1",
            "keyData",
            "Keys",
            "ssh_keys",
            "aes256key",
            "Authorization",
            "APIKey",
            "private-key-pem",
            "jwt",
            "totp",
            "admin.otp",
            "dsn",
            "dbDsn",
            "connectionString",
            "connection_string",
            "db.connStr",
            "luks",
            "luks2",
            "pem",
            "client-pem",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "size",
            "path",
            "keyfile",
            "keyFile",
            "key_file",
            "SSHKeyPath",
            "keyId",
            "kms_key_id",
            "keyring",
            "keyspace",
            "passive",
            "o",
            "author",
            "authority",
            "pinned",
            "spinning",
            "shopping",
            "sasl",
            "signed",
            "credit",
            "monkey",
            "bypass",
            "compass",
            "ecryptfs_sig",
            "keySize",
            "hostname",
            "",
            "-",
            "mapping",
            "luksVersion",
            "pemFile",
            "pem_path",
            "connection",
            "string",
            "option",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
