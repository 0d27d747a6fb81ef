//! Ctrl-C: the first press asks the engine to stop at its next step and keep the draft; the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit::Exit;
use super::render;

/// Installs the handler; the flag is set at the first press. Also for SIGTERM and SIGHUP, so that a scheduler's stop is one too.
pub fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    let installed = ctrlc::set_handler(move || {
        if heard.swap(true, Ordering::SeqCst) {
            // Drafts are kept in whole files, so leaving in the middle of a step loses that step and nothing else.
            std::process::exit(i32::from(Exit::Interrupted.number()));
        }
        render::say("\nstopping at the next step, and keeping what is done; press Ctrl-C again to leave at once");
    });
    if installed.is_err() {
        render::say("Ctrl-C cannot be heard here: it will end the run at once; what is recorded stays");
    }
    stop
}
