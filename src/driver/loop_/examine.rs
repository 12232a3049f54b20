//! What is wrong with `loop` on this host, and with one of its volumes.

use anyhow::{Context, Result};

use crate::base::finding::{Care, Finding};
use crate::base::size;
use crate::driver::loop_::on_disk::OnDisk;
use crate::driver::loop_::{binding, growth, health, open, options, promise, snapshots};
use crate::driver::shared::examine::{cannot_mount, is_used, missing, subject};
use crate::driver::shared::home::Home;
use crate::driver::shared::host_claim;
use crate::driver::shared::options::NormalOptions;
use crate::sys::block::deleted::{self, Orphan};
use crate::sys::block::loop_device;
use crate::sys::block::mkfs::{self, FileSystem};
use crate::sys::files::id::FileId;
use crate::sys::mount::file_systems;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::capability;

/// What all volumes need; `volumes` are the options of those that there are.
pub fn driver(home: &Home, volumes: &[NormalOptions], care: Care) -> Result<Vec<Finding>> {
    if !is_used(home) {
        return Ok(Vec::new());
    }
    let label = home.label();
    let problem = loop_device::problem();
    let problem = problem.map(|(problem, repair)| Finding::new(&label, problem, repair));
    let mut found: Vec<Finding> = problem.into_iter().collect();
    for fs in needed(home, volumes)? {
        found.extend(missing(&label, fs.name, fs.package, fs.programs()));
        if !capability::may_exceed_limits() {
            let growing = format!("growing {}", fs.name);
            found.extend(missing(&label, &growing, fs.package, fs.growing_program()));
        }
        if file_systems::can_mount(fs.name) == Some(false) {
            found.push(cannot_mount(&label, fs.name));
        }
    }
    found.extend(little_space(home)?);
    let snapshots = snapshots::unreadable(home)?.into_iter();
    found.extend(snapshots.map(|(it, error)| Finding::of(&subject(home.place(&it)), &error)));
    let orphans = deleted::below(home.store.root());
    found.extend(orphans.iter().map(|it| orphan(home, it, care)));
    Ok(found)
}

/// The file systems of the volumes, and that of the next one.
fn needed(home: &Home, volumes: &[NormalOptions]) -> Result<Vec<&'static FileSystem>> {
    let defaults = [
        options::configured_defaults(&home.invocation.config)?,
        options::last_defaults()?,
    ];
    let name = |options: &NormalOptions| options.text("newFsType").map(str::to_owned);
    let next = defaults.iter().find_map(name);
    let names: Vec<String> = volumes.iter().filter_map(name).chain(next).collect();
    let is_needed = |fs: &&FileSystem| names.iter().any(|name| name == fs.name);
    Ok(mkfs::FILE_SYSTEMS.iter().filter(is_needed).collect())
}

/// A disk that has less space than is to stay free.
fn little_space(home: &Home) -> Result<Option<Finding>> {
    let repair = format!("make space at {}", home.store.root().display());
    let problem = promise::little_for_all(home)?;
    Ok(problem.map(|problem| Finding::new(home.label(), problem, repair)))
}

/// A loop device whose image was deleted. Only where dvdcli itself was deleting it, nobody wants its content any more.
fn orphan(home: &Home, orphan: &Orphan, care: Care) -> Finding {
    let (number, path) = (orphan.number, orphan.path.display());
    let used = binding::used_by(number);
    let problem = format!(
        "/dev/loop{number} is bound to {path}, which was deleted{}",
        used.as_deref().unwrap_or_default()
    );
    let detach = format!("losetup -d /dev/loop{number}");
    if !home.store.aside.was_being_deleted(&orphan.path) {
        let repair = format!(
            "save what is on it, if it is wanted, before it is unmounted and detached ({detach})"
        );
        return Finding::new(home.label(), problem, repair);
    }
    if used.is_some() {
        let repair = format!("end what uses it, and detach it ({detach})");
        return Finding::new(home.label(), problem, repair);
    }
    let finding = Finding::new(home.label(), problem, format!("detach it ({detach})"));
    let done = format!("detached /dev/loop{number} from {path}, which was deleted");
    finding.mended(care, &done, || loop_device::detach(number))
}

/// One volume.
pub fn volume(on_disk: &OnDisk, table: &MountTable, care: Care) -> Result<Vec<Finding>> {
    let subject = subject(on_disk.place);
    let mut found = Vec::new();
    let fs = on_disk.file.options.text("newFsType").unwrap_or_default();
    let is_mounted = on_disk.mounted(table)?.is_some();
    let unfit = match is_mounted {
        true => None,
        false => health::unfit(&on_disk.image(), fs)?,
    };
    if let Some(problem) = unfit {
        let repair = "restore a snapshot of it, or remove it";
        found.push(Finding::new(&subject, problem, repair));
    } else if let Some(problem) = on_disk.problem(table)? {
        let repair = format!("unmount it, and repair it ({})", check(on_disk));
        found.push(Finding::new(&subject, problem, repair));
    }
    if let Some(problem) = on_disk.full_disk() {
        found.push(Finding::new(
            &subject,
            problem,
            on_disk.repair_of_full_disk(),
        ));
    }
    let directory = on_disk.place.directory();
    if let Some(length) = growth::begun(&directory) {
        let problem = format!("growing it to {} was cut off", size::show(length));
        found.push(Finding::new(
            &subject,
            problem,
            "mount it, which goes on with that",
        ));
    }
    found.extend(claim(on_disk, table, care)?);
    Ok(found)
}

/// The command that repairs its file system.
fn check(on_disk: &OnDisk) -> String {
    let image = on_disk.image();
    let fs = on_disk.file.options.text("newFsType");
    let (program, arguments) = fs
        .and_then(mkfs::named)
        .map_or(("fsck", &[][..]), |fs| fs.check);
    let words = [program].into_iter().chain(arguments.iter().copied());
    let words: Vec<&str> = words.collect();
    format!("{} {}", words.join(" "), image.display())
}

/// A claim of this host on a volume that it does not have mounted. Another host may be alive: its claim is only said.
fn claim(on_disk: &OnDisk, table: &MountTable, care: Care) -> Result<Option<Finding>> {
    let place = on_disk.place;
    let (directory, host) = (place.directory(), &place.home.host);
    let subject = subject(place);
    if let Some(other) = host_claim::foreign(&directory, host)? {
        let (name, machine) = (&other.name, &other.machine_id);
        place.home.invocation.log.warn_once(&format!(
            "{subject} is mounted on host {name} (machine {machine}); if that host is gone, mount it here with the setting mount.preempt"
        ));
        return Ok(None);
    }
    let Some(is_of_this_boot) = host_claim::own(&directory, host)? else {
        return Ok(None);
    };
    if on_disk.mounted(table)?.is_some() {
        return Ok(None);
    }
    let claimed = match is_of_this_boot {
        true => "this host claims it, and does not have it mounted",
        false => "an earlier boot of this host has claimed it",
    };
    if let Some(number) = bound(on_disk)? {
        let used = binding::used_by(number).unwrap_or_default();
        let problem = format!("it is not mounted here, but bound to /dev/loop{number}{used}");
        let unmount = format!(
            "unmount it again (dvdcli unmount -d loop -n {}) when that has ended",
            place.name
        );
        return Ok(Some(Finding::new(subject, problem, unmount)));
    }
    let repair = "so that other hosts can mount it, mount and unmount it here";
    let finding = Finding::new(subject, claimed, repair);
    Ok(Some(finding.mended(
        care,
        "gave up the claim of this host",
        || host_claim::release(&directory, host),
    )))
}

fn bound(on_disk: &OnDisk) -> Result<Option<u32>> {
    let Some(image) = open::to_look_at(&on_disk.image())? else {
        return Ok(None);
    };
    let id = FileId::of(&image).context("reading the image")?;
    Ok(loop_device::bound_to(id)?.first().copied())
}
