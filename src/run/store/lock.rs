//! Advisory locks on files; the system gives them back when a process ends, however it ends.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fs4::{FileExt, TryLockError};

use super::{StoreError, disk};

/// Held until dropped. The file stays: removing it would let two hold "the same" lock.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock; `None` when asked to stop first. `waiting` is called once, if it is not to be had at once.
    pub(crate) fn exclusive(
        path: &Path,
        stop: &AtomicBool,
        waiting: &mut dyn FnMut(),
    ) -> Result<Option<Self>, StoreError> {
        let mut told = false;
        loop {
            if let Some(lock) = Self::try_exclusive(path)? {
                return Ok(Some(lock));
            }
            if !told {
                waiting();
                told = true;
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            // Polled, so that a request to stop is heard.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn try_exclusive(path: &Path) -> Result<Option<Self>, StoreError> {
        Self::try_with(path, FileExt::try_lock)
    }

    pub(super) fn try_shared(path: &Path) -> Result<Option<Self>, StoreError> {
        Self::try_with(path, FileExt::try_lock_shared)
    }

    fn try_with(path: &Path, lock: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Option<Self>, StoreError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(disk(folder))?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(disk(path))?;
        match lock(&file) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(disk(path)(why)),
        }
    }
}
