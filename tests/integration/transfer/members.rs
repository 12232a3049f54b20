//! Members that must not be made: nothing of such an archive gets into the volume, and nothing lands outside.

use pretty_assertions::assert_eq;
use tar_core::EntryType;
use tar_core::builder::EntryBuilder;

use crate::harness::archive::Archive;
use crate::harness::env::Env;

/// Refuses the archive in these words, and has changed nothing.
#[track_caller]
fn refuses(env: &Env, archive: Vec<u8>, why: &str) {
    env.write("bad.tar", archive);
    env.dvdcli("import -d local -n db $ROOT/bad.tar")
        .fails(1, &format!("dvdcli: importing into volume db: {why}\n"));
    assert_eq!(env.names("var/lib/dvdcli/local/db/_data"), [""; 0], "{why}");
    assert_eq!(env.names("outside"), ["kept"], "{why}");
    assert_eq!(
        env.names("var/lib/dvdcli/local/db"),
        ["_data", "volume.json"]
    );
}

fn env() -> Option<Env> {
    let env = Env::isolated()?;
    env.dvdcli("create -d local -n db").succeeds();
    env.write("outside/kept", "kept");
    Some(env)
}

fn good() -> Archive {
    Archive::default().file("good", "good")
}

#[test]
fn no_member_leads_out() {
    let Some(env) = env() else { return };
    let outside = env.path("outside").display().to_string();
    for (archive, why) in [
        (
            good().file(&format!("{outside}/new"), "x"),
            format!("member {outside}/new: it leads out of the volume: its name begins with /"),
        ),
        (
            good().file("./a/../../outside/new", "x"),
            "member ./a/../../outside/new: it leads out of the volume: its name has .. in it"
                .to_owned(),
        ),
        (
            good()
                .link("out", EntryType::Symlink, &outside)
                .file("out/new", "x"),
            "making out/new: out is a symbolic link, and none is followed here".to_owned(),
        ),
        (
            good()
                .link("out", EntryType::Symlink, &outside)
                .of_kind("out/", EntryType::Directory),
            "making out: a member before has that name, and is no directory".to_owned(),
        ),
        (
            good().link("hard", EntryType::Link, &format!("{outside}/kept")),
            "member hard: its link: it leads out of the volume: its name begins with /".to_owned(),
        ),
        (
            good().link("hard", EntryType::Link, "../../../../outside/kept"),
            "member hard: its link: it leads out of the volume: its name has .. in it".to_owned(),
        ),
        (
            good().link("out", EntryType::Symlink, &outside).link(
                "hard",
                EntryType::Link,
                "out/kept",
            ),
            "making hard: its link: out is a symbolic link, and none is followed here".to_owned(),
        ),
        (
            good().with("short", &[("path", "../new")]),
            "member ../new: it leads out of the volume: its name has .. in it".to_owned(),
        ),
        (
            good().file(".", "x"),
            "member .: it has the name of the top directory, and is none".to_owned(),
        ),
    ] {
        refuses(&env, archive.end(), &env.with_root(&why));
    }
}

/// The last member of a name counts, as with tar: a file in place of a link is not written through it.
#[test]
fn a_file_takes_the_place_of_a_link() {
    let Some(env) = env() else { return };
    let kept = env.path("outside/kept").display().to_string();
    let archive = Archive::default()
        .link("file", EntryType::Symlink, &kept)
        .file("file", "new")
        .link("again", EntryType::Link, "file");
    env.write("good.tar", archive.end());
    env.dvdcli("import -d local -n db $ROOT/good.tar")
        .succeeds();
    let read = |name: &str| crate::harness::fs::read_to_string(env.path(name)).unwrap();
    assert_eq!(read("outside/kept"), "kept");
    assert_eq!(read("var/lib/dvdcli/local/db/_data/file"), "new");
    assert_eq!(read("var/lib/dvdcli/local/db/_data/again"), "new");
}

fn sized(size: u64, path: &str) -> Archive {
    let mut entry = EntryBuilder::new_gnu();
    entry.size(size).unwrap();
    good().member(entry, path, EntryType::Regular)
}

/// Writes another text over a field of the last header, whose sum is right again.
fn with_field(archive: Archive, at: usize, text: &[u8]) -> Archive {
    let mut bytes = archive.0;
    let start = bytes.len() - 512;
    bytes[start + at..][..text.len()].copy_from_slice(text);
    let mut header = tar_core::Header::default();
    header.as_mut_bytes().copy_from_slice(&bytes[start..]);
    header.set_checksum();
    bytes[start..].copy_from_slice(header.as_bytes());
    Archive(bytes)
}

fn damaged_name(archive: Archive) -> Vec<u8> {
    let mut bytes = archive.end();
    bytes[1024] = b'b';
    bytes
}

#[test]
fn headers_that_cannot_be_are_refused() {
    let Some(env) = env() else { return };
    let damaged = "it is no tar archive, or damaged: [..]";
    for (archive, why) in [
        (
            sized(1 << 40, "huge").0,
            "making huge: the archive is cut off: its end is missing",
        ),
        (
            sized((1 << 63) - 1, "huge").0,
            "making huge: the archive is cut off: its end is missing",
        ),
        (
            with_field(good().file("a", ""), 124, &[0xff; 12]).end(),
            damaged,
        ),
        (
            with_field(good().file("a", ""), 124, b"-0000000001").end(),
            damaged,
        ),
        (
            with_field(good().file("a", ""), 124, b"notanumber1").end(),
            damaged,
        ),
        (damaged_name(good().file("a", "")), damaged),
        (
            with_field(good().file("a", ""), 108, &[0xff; 8]).end(),
            "member a: its owner cannot be one: [..]",
        ),
        (
            with_field(good().file("a", ""), 156, b"M").end(),
            "member a: it goes on from another volume of the archive",
        ),
        (
            with_field(good().file("a", ""), 156, b"Z").end(),
            "member a: it is of a kind that is not known ('Z')",
        ),
        (
            good().with("a", &[("size", "-1")]).end(),
            "member a: its size is no number: -1",
        ),
        (
            good().with("a", &[("uid", "99999999999")]).end(),
            "member a: its owner cannot be one: 99999999999",
        ),
        (
            good().with("a", &[("mtime", "yesterday")]).end(),
            "member a: its mtime is no time: yesterday",
        ),
        (
            good()
                .with("a", &[("SCHILY.acl.access", "user:nobody-at-all:rwx")])
                .end(),
            "member a: its SCHILY.acl.access: user:nobody-at-all:rwx",
        ),
        (
            good().link("a", EntryType::Symlink, "").end(),
            "member a: it is a link without a target",
        ),
        (
            good().link("a", EntryType::Link, "nowhere").end(),
            "making a: linking it to nowhere: no such file or directory",
        ),
        (
            good()
                .with(
                    "a",
                    &[
                        ("GNU.sparse.map", "0,512,256,512"),
                        ("GNU.sparse.size", "4096"),
                    ],
                )
                .end(),
            "member a: its list of parts is wrong",
        ),
        (
            good()
                .with(
                    "a",
                    &[("GNU.sparse.map", "0,512"), ("GNU.sparse.size", "4096")],
                )
                .end(),
            "member a: its list of parts is of another length than its content",
        ),
        (
            good()
                .with(
                    "a",
                    &[
                        ("GNU.sparse.major", "1"),
                        ("GNU.sparse.minor", "0"),
                        ("GNU.sparse.realsize", "5"),
                    ],
                )
                .end(),
            damaged,
        ),
    ] {
        refuses(&env, archive, why);
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    let Some(env) = env() else { return };
    let damaged = "it is no tar archive, or damaged: [..]";
    let more = [good().end(), good().end()].concat();
    let cut = "the archive is cut off: its end is missing";
    for (archive, why) in [
        (b"".to_vec(), "there is no archive: nothing is to be read"),
        (b"short text".to_vec(), cut),
        (b"text ".repeat(1000), damaged),
        (
            b"\x1f\x8b\x08\0\0\0\0\0\0\0".to_vec(),
            "it is compressed; read it through gzip -dc",
        ),
        (more, "there is more behind the end of the archive"),
    ] {
        refuses(&env, archive, why);
    }
}
