//! Archives: of files of every kind, made and read by GNU tar, and of members that no honest program would write.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};
use tar_core::EntryType;
use tar_core::builder::EntryBuilder;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::in_directory;

/// Files of every kind that a volume can have. The attributes are in `trusted`, which tmpfs and old kernels know as well.
const SCRIPT: &str = r"
    mkdir -p dir/sub empty-dir $(printf %0200d 1)/$(printf %0200d 2)
    echo deep > $(printf %0200d 1)/$(printf %0200d 2)/file
    echo plain > plain; chown 1234:4321 plain; chmod 4751 plain; ln plain dir/hard; : > empty
    ln -s /etc/passwd link; ln -s $(printf %0150d 3) long-link; chown -h 7:8 link; ln link hard-link
    mkfifo -m 640 fifo; mknod -m 600 null c 1 3; mknod -m 660 disk b 7 200
    truncate -s 12G sparse; printf end | dd of=sparse bs=1 seek=11G conv=notrunc status=none; truncate -s 5M hole
    printf tail | dd of=tailed bs=1M seek=2 status=none
    i=0; while [ $i -lt 30 ]; do echo $i | dd of=many bs=64k seek=$i conv=notrunc status=none; i=$((i+1)); done
    echo old > old; touch -d '1960-01-01 00:00:00.25' old; touch -d '2001-02-03 04:05:06.789012345' plain empty-dir
    echo x > 'with
line'; echo x > -dash; echo x > $(printf 'latin\344'); echo acl > acl; mkdir acl-dir; chmod 2770 acl-dir; chown 5:6 acl-dir
    touch -h -d '2001-02-03 04:05:06.5' link; chown 98:99 .; chmod 1777 .";

/// `user::rw-,user:1:r--,group::r--,mask::r--,other::r--`, as the kernel has it.
const ACL: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 1, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255,
    255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
];

/// cap_net_bind_service, permitted.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Makes them in a directory.
pub fn fill(directory: &Path) {
    in_directory(directory, SCRIPT).unwrap();
    for (name, attribute, value) in [
        ("plain", "trusted.lines", &b"one\ntwo\0three"[..]),
        ("dir", "trusted.a=b%", b"="),
        ("empty", "security.capability", &CAPABILITY),
        ("acl", "system.posix_acl_access", &ACL),
        ("acl-dir", "system.posix_acl_default", &ACL),
        ("link", "trusted.link", b"of the link itself"),
    ] {
        let flags = XattrFlags::empty();
        lsetxattr(directory.join(name), attribute, value, flags).unwrap();
    }
    in_directory(directory, "touch -d '2010-01-01 00:00:00.000000001' .").unwrap();
}

/// All that there is to know of what is in a directory, a line for each name.
pub fn listed(top: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut todo = vec![top.to_owned()];
    while let Some(path) = todo.pop() {
        let data = path.symlink_metadata().unwrap();
        let kind = data.file_type();
        let mut line = format!(
            "{:o} {}:{} {}.{:09}",
            data.mode(),
            data.uid(),
            data.gid(),
            data.mtime(),
            data.mtime_nsec()
        );
        if kind.is_dir() {
            todo.extend(fs::entries(&path).unwrap());
        } else {
            let all_names: &mut Vec<PathBuf> = names.entry(data.ino()).or_default();
            all_names.push(path.strip_prefix(top).unwrap().to_owned());
            line += &format!(" {} links", data.nlink());
        }
        if kind.is_file() {
            // Where data are, and what: holes stay holes.
            let is_sparse = data.blocks() * 512 < data.len();
            line += &format!(" {} bytes, {is_sparse}", data.len());
            if data.len() < 10 << 20 {
                line += &format!(" {:?}", fs::read(&path).unwrap());
            }
        } else if kind.is_symlink() {
            line += &format!(" to {:?}", fs::read_link(&path).unwrap());
        } else if kind.is_char_device() || kind.is_block_device() {
            line += &format!(" {}", data.rdev());
        }
        line += &format!(" {:?}", attributes(&path));
        found.insert(path.strip_prefix(top).unwrap().to_owned(), line);
    }
    let first = |mut all: Vec<PathBuf>| {
        all.sort();
        all
    };
    for all in names.into_values().map(first) {
        for name in &all {
            *found.get_mut(name).unwrap() += &format!(" {all:?}");
        }
    }
    found
}

fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 4096];
    let length = llistxattr(path, &mut names[..]).unwrap();
    let names = String::from_utf8(names[..length].to_vec()).unwrap();
    let names = names
        .split_terminator('\0')
        .filter(|name| *name != "security.selinux");
    let value = |name: &str| {
        let mut value = vec![0; 4096];
        let length = lgetxattr(path, name, &mut value[..]).unwrap();
        value[..length].to_vec()
    };
    names.map(|name| (name.to_owned(), value(name))).collect()
}

/// What GNU tar makes of a directory.
pub fn tar(env: &Env, directory: &Path, options: &str, name: &str) -> PathBuf {
    let archive = env.path(name);
    let script = format!("tar {options} -cf {} .", archive.display());
    in_directory(directory, &script).unwrap();
    archive
}

/// What GNU tar reads from an archive.
pub fn untar(env: &Env, archive: &Path, name: &str) -> PathBuf {
    let directory = env.dir(name);
    let script = format!(
        "tar --xattrs --xattrs-include='*' --acls -xpf {}",
        archive.display()
    );
    in_directory(&directory, &script).unwrap();
    directory
}

/// An archive in the making.
#[derive(Default)]
pub struct Archive(pub Vec<u8>);

impl Archive {
    pub fn file(self, path: &str, content: &str) -> Archive {
        let mut entry = EntryBuilder::new_ustar();
        entry.size(content.len() as u64).unwrap();
        let mut archive = self.member(entry, path, EntryType::Regular);
        archive.0.extend(content.as_bytes());
        archive.0.resize(archive.0.len().next_multiple_of(512), 0);
        archive
    }

    pub fn link(self, path: &str, kind: EntryType, target: &str) -> Archive {
        let mut entry = EntryBuilder::new_ustar();
        entry.size(0).unwrap().link_name(target);
        self.member(entry, path, kind)
    }

    pub fn of_kind(self, path: &str, kind: EntryType) -> Archive {
        let mut entry = EntryBuilder::new_ustar();
        entry.size(0).unwrap();
        self.member(entry, path, kind)
    }

    /// With records of an extended header.
    pub fn with(self, path: &str, records: &[(&str, &str)]) -> Archive {
        let mut entry = EntryBuilder::new_ustar();
        entry.size(0).unwrap();
        for (key, value) in records {
            entry.add_pax(key, value);
        }
        self.member(entry, path, EntryType::Regular)
    }

    pub fn member(mut self, mut entry: EntryBuilder, path: &str, kind: EntryType) -> Archive {
        entry.path(path).entry_type(kind);
        entry.mode(0o644).unwrap().uid(0).unwrap().gid(0).unwrap();
        entry.mtime(1).unwrap();
        self.0.extend(entry.finish_bytes());
        self
    }

    pub fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}
