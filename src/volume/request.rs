//! What a caller asks `mount` and `unmount` for.

use crate::driver::interface::{Chooser, Next};
use crate::volume::bind::view::View;
use crate::volume::holders::record::Holder;

/// What `mount` is asked for.
#[derive(Debug, Clone)]
pub struct MountRequest<'a> {
    /// Whether to create the volume where it is known to be absent, and who chooses its options then.
    pub create: Option<Chooser>,
    pub holder: Holder,
    /// How the volume is to appear at the holder's target.
    pub view: View<'a>,
}

impl MountRequest<'_> {
    /// Whether the mount itself is to be read-only: with a target, only the view there is.
    pub fn wants_read_only(&self) -> bool {
        self.view.is_read_only() && self.holder.target.is_none()
    }

    /// What becomes of a volume that is created for it.
    pub fn next(&self) -> Next {
        match self.wants_read_only() {
            true => Next::Unknown,
            false => Next::WritableMount,
        }
    }
}

/// How a volume is released.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// For every holder.
    pub all: bool,
    /// Busy mounts are detached.
    pub lazy: bool,
}

impl Release {
    /// For one holder; what is busy stays.
    pub const ONE: Release = Release {
        all: false,
        lazy: false,
    };

    pub const ALL: Release = Release {
        all: true,
        lazy: false,
    };
}
