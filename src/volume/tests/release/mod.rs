//! Releasing: every standing, times whoever lets go, times every answer of the driver.

mod expected;
mod rows;

use pretty_assertions::assert_eq;

use crate::base::failure::ErrorKind;
use crate::volume::request::Release;
use crate::volume::tests::fake_driver::Unmounting;
use crate::volume::tests::invariants::{Before, check_release};
use crate::volume::tests::release::expected::Expected;
use crate::volume::tests::release::rows::{ANSWERS, Asked, LAST, ROWS, Row, TASK, WHO, remain};
use crate::volume::tests::standings::Remembered::{Damaged, OfAnotherBoot};
use crate::volume::tests::standings::holder;
use crate::volume::tests::{NO_RECORD, Scene};

fn check(scene: &mut Scene, row: &Row, asked: Asked, answer: Unmounting) {
    scene.again();
    row.standing.arrange(scene);
    scene.plan().unmounting = answer;
    let before = Before::of(scene);
    let who = WHO[asked.column];
    let case = format!("{}; {who}, {asked:?}; {answer:?}", row.standing.name);
    let expected = Expected {
        row,
        asked,
        answer,
        record: after_the_dead(row, scene),
        unchanged: match row.standing.remembered {
            Damaged => "unsettled nowhere: nobody".to_owned(),
            _ => scene.record(),
        },
        mounts: scene.mounts(),
    };
    let mut seen = scene.see(|| {
        scene.unmount(holder(scene, who), asked.how)?;
        Ok(String::new())
    });
    for warning in &mut seen.warnings {
        if warning.starts_with("the holders' record /run/dvdcli/") {
            *warning = "DAMAGED".to_owned();
        }
    }
    assert_eq!(seen, expected.seen(), "{case}");
    check_release(scene, &before, &seen, &case);
}

/// What the record says once the dead are released, or once it was found to be damaged or of another boot.
fn after_the_dead(row: &Row, scene: &Scene) -> String {
    match row.standing.remembered {
        Damaged => "unsettled nowhere: nobody".to_owned(),
        OfAnotherBoot => NO_RECORD.to_owned(),
        _ => {
            let record = scene.record().replace("run dead, ", "");
            let record = record.replace(", run dead", "");
            record.replace("run dead", "nobody")
        }
    }
}

/// Where processes die, or have died, a busy mount is waited for: those have a test of their own.
fn waits(row: &Row, asked: Asked, answer: Unmounting) -> bool {
    let is_busy = matches!(
        answer,
        Unmounting::KnowsNothing | Unmounting::Fails(ErrorKind::InUse)
    );
    let has_dead = row.standing.holders.contains(&"dead");
    is_busy && (has_dead || WHO[asked.column] == TASK)
}

/// Checks all combinations of some ways to release and whoever does; returns how many.
fn check_all(who: &[&str], how: Release) -> usize {
    let mut scene = Scene::new();
    let mut checked = 0;
    let columns = (0..WHO.len()).filter(|column| who.contains(&WHO[*column]));
    let asked: Vec<Asked> = columns.map(|column| Asked { column, how }).collect();
    for row in ROWS {
        for asked in &asked {
            let asks_driver = remain(row, *asked) == LAST;
            let answers = if asks_driver {
                &ANSWERS[..]
            } else {
                &ANSWERS[..1]
            };
            for answer in answers
                .iter()
                .filter(|answer| !waits(row, *asked, **answer))
            {
                check(&mut scene, row, *asked, *answer);
                checked += 1;
            }
        }
    }
    checked
}

#[test]
fn one_holder_lets_go() {
    assert!(check_all(&WHO, Release::ONE) > 500);
}

#[test]
fn all_are_released() {
    assert!(check_all(&["you", "run task"], Release::ALL) > 150);
}

#[test]
fn busy_mounts_are_detached() {
    let lazy = Release {
        all: false,
        lazy: true,
    };
    assert!(check_all(&["me"], lazy) > 100);
}
