//! Mounting: every standing, times every request, times every answer of the driver.

mod expected;
mod rows;

use pretty_assertions::assert_eq;

use crate::base::failure::ErrorKind;
use crate::volume::tests::Scene;
use crate::volume::tests::fake_driver::Unmounting;
use crate::volume::tests::invariants::{Before, check_mount};
use crate::volume::tests::mount::expected::Expected;
use crate::volume::tests::mount::rows::{
    ANSWERS, ASKED, Answer, Asked, RECOVERED, ROWS, Row, Way, asked, row,
};
use crate::volume::tests::standings::{Mounted, Remembered};

/// Whether the answer can be had: where the driver is told to unmount before it mounts, it answers that as it is.
fn applies(way: Way, answer: &Answer) -> bool {
    answer.undoing == Unmounting::Unmounts || matches!(way, Way::Anew([]))
}

fn check(scene: &mut Scene, row: &Row, asked: &Asked, answer: &Answer) {
    scene.again();
    row.standing.arrange(scene);
    scene.plan().tells_path = Some(row.tells_path);
    scene.plan().mounting = answer.mounting;
    scene.plan().unmounting = answer.undoing;
    let before = Before::of(scene);
    let mut is_new_holder = None;
    let mut seen = scene.see(|| {
        let outcome = scene.mount(asked.request(scene))?;
        is_new_holder = Some(outcome.is_new_holder);
        Ok(outcome.path.to_string_lossy().into_owned())
    });
    for warning in &mut seen.warnings {
        if warning.starts_with("the holders' record /run/dvdcli/") {
            *warning = "DAMAGED".to_owned();
        }
    }
    let name = row.standing.name;
    let holder = asked.holder;
    let (read_only, mounting, undoing) = (asked.read_only, answer.mounting, answer.undoing);
    let case = format!("{name}; {holder}, read-only {read_only}; {mounting:?}, {undoing:?}");
    let expected = Expected { row, asked, answer }.seen();
    assert_eq!(seen, expected, "{case}");
    let is_new = !row.living().contains(holder);
    assert!(is_new_holder.is_none_or(|found| found == is_new), "{case}");
    check_mount(scene, &before, &seen, &case);
}

/// Checks all combinations of some requests; returns how many.
fn check_all(asked: &[Asked]) -> usize {
    let mut scene = Scene::new();
    let mut checked = 0;
    for row in ROWS {
        for asked in asked {
            let way = asked.way(row);
            let asks_driver = matches!(way, Way::Anew(_) | Way::Again);
            // Where the driver is not asked, its answer does not matter.
            let answers = if asks_driver { ANSWERS } else { &ANSWERS[..1] };
            for answer in answers.iter().filter(|answer| applies(way, answer)) {
                check(&mut scene, row, asked, answer);
                checked += 1;
            }
        }
    }
    checked
}

#[test]
fn a_mount_without_a_target() {
    assert!(check_all(&ASKED[..4]) > 500);
}

#[test]
fn a_mount_with_a_target() {
    assert!(check_all(&ASKED[4..]) > 500);
}

/// What matters is that the driver answers, so that one that counts starts from nothing.
#[test]
fn a_recovery_needs_an_answer_whatever_it_says() {
    let mut scene = Scene::new();
    for (undoing, result) in [
        (Unmounting::Unmounts, "/mnt/db"),
        (Unmounting::KnowsNothing, "/mnt/db"),
        (Unmounting::Fails(ErrorKind::Other), "/mnt/db"),
        (Unmounting::Fails(ErrorKind::Refused), "/mnt/db"),
        (Unmounting::Fails(ErrorKind::InUse), "/mnt/db"),
        (
            Unmounting::Fails(ErrorKind::Unsure),
            "Unsure: unmount: Unsure",
        ),
    ] {
        scene.again();
        let never_mounted = row(
            "",
            Remembered::Unsettled,
            Mounted::Never,
            &[],
            [RECOVERED; 3],
        );
        never_mounted.standing.arrange(&scene);
        scene.plan().unmounting = undoing;
        let seen = scene.see(|| {
            let outcome = scene.mount(ASKED[0].request(&scene))?;
            Ok(outcome.path.to_string_lossy().into_owned())
        });
        assert_eq!(seen.result, result, "{undoing:?}");
        assert_eq!(
            seen.record.starts_with("settled"),
            result == "/mnt/db",
            "{undoing:?}"
        );
    }
}

#[test]
fn wrong_usage_is_refused_before_anything_is_locked() {
    let mut scene = Scene::new();
    for (can_mount_read_only, wrong_options, holder, words) in [
        (
            false,
            false,
            "me",
            "Usage: --read-only needs --target: a plugin mounts for all its callers alike",
        ),
        (true, true, "me", "Usage: options: Usage"),
        (false, false, "me at /target", "/target"),
    ] {
        scene.again();
        scene.plan().can_mount_read_only = can_mount_read_only;
        scene.plan().wrong_options = wrong_options;
        let asked = asked(holder, true, true);
        let seen = scene.see(|| {
            let outcome = scene.mount(asked.request(&scene))?;
            Ok(outcome.path.to_string_lossy().into_owned())
        });
        assert_eq!(seen.result, scene.shorten(words));
        let is_done = words.starts_with('/');
        assert_eq!(scene.invocation.paths.holders.exists(), is_done);
        assert_eq!(seen.calls.is_empty(), !is_done);
    }
}
