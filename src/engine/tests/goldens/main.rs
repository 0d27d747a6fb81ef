//! The engine against numbers computed by PyTorch, transformers and peft: `../golden`, whose `golden.json` files say what each
//! tensor is. Tolerances: 1e-4 absolute on logits, log-probabilities and losses, 1e-4 + 1e-3 relative on gradients.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adapters;
mod forward;
mod gradients;
mod oracle;
mod reader;
mod sampling;
mod smollm2;
mod texts;
