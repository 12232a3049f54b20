//! What is wrong on this host, and what is to be done about it.

use anyhow::{Error, Result};

use crate::base::text::chain;

/// What is done about what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Nothing is changed.
    Look,
    /// What can be repaired without any risk is repaired.
    Fix,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: `loop/db`, `plugin rexray`, `configuration`.
    pub subject: String,
    pub problem: String,
    /// What there is to do; empty where the problem's own words say so.
    pub repair: String,
    pub remedy: Remedy,
}

/// Who repairs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    ByHand,
    /// It can be repaired without any risk, and was not.
    Fixable,
    /// It was repaired, by what the text says.
    Fixed(String),
}

impl Finding {
    pub fn new(
        subject: impl Into<String>,
        problem: impl Into<String>,
        repair: impl Into<String>,
    ) -> Finding {
        Finding {
            subject: subject.into(),
            problem: problem.into(),
            repair: repair.into(),
            remedy: Remedy::ByHand,
        }
    }

    /// An error, whose own words say what to do. Where they begin with the subject, it is not said twice.
    pub fn of(subject: &str, error: &Error) -> Finding {
        let text = chain(error);
        let words = text
            .strip_prefix(subject)
            .and_then(|it| it.strip_prefix(": "));
        Finding::new(subject, words.unwrap_or(&text), "")
    }

    /// Has `mend` repair it, which is without any risk, if it is to be repaired; `done` says what that is.
    pub fn mended(mut self, care: Care, done: &str, mend: impl FnOnce() -> Result<()>) -> Finding {
        self.remedy = Remedy::Fixable;
        if care == Care::Fix {
            match mend() {
                Ok(()) => self.remedy = Remedy::Fixed(done.to_owned()),
                Err(error) => {
                    self.remedy = Remedy::ByHand;
                    self.problem =
                        format!("{}, which was not mended: {}", self.problem, chain(&error));
                }
            }
        }
        self
    }

    pub fn is_fixed(&self) -> bool {
        matches!(self.remedy, Remedy::Fixed(_))
    }

    /// For people: `loop/db: PROBLEM; REPAIR`, or `fixed: loop/db: WHAT WAS DONE`.
    pub fn line(&self) -> String {
        let Finding {
            subject,
            problem,
            repair,
            remedy,
        } = self;
        match (remedy, repair.as_str()) {
            (Remedy::Fixed(done), _) => format!("fixed: {subject}: {done}"),
            (Remedy::Fixable, repair) => {
                format!("{subject}: {problem}; {repair}, or run doctor --fix")
            }
            (Remedy::ByHand, "") => format!("{subject}: {problem}"),
            (Remedy::ByHand, repair) => format!("{subject}: {problem}; {repair}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn only_what_is_to_be_mended_is_mended() {
        let finding = || Finding::new("loop/db", "it is odd", "make it even");
        assert_eq!(finding().line(), "loop/db: it is odd; make it even");
        let looked = finding().mended(Care::Look, "made it even", || bail!("not to be called"));
        assert_eq!(
            (looked.line().as_str(), looked.is_fixed()),
            (
                "loop/db: it is odd; make it even, or run doctor --fix",
                false
            )
        );
        let fixed = finding().mended(Care::Fix, "made it even", || Ok(()));
        assert_eq!(
            (fixed.line().as_str(), fixed.is_fixed()),
            ("fixed: loop/db: made it even", true)
        );
        let stuck = finding().mended(Care::Fix, "made it even", || bail!("it is stuck"));
        assert_eq!(
            stuck.line(),
            "loop/db: it is odd, which was not mended: it is stuck; make it even"
        );
        assert_eq!(stuck.remedy, Remedy::ByHand);
    }
}
