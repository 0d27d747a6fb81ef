//! Reads the goldens of `tests/golden/losses` for the tests of this room.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};

pub struct Losses {
    tensors: BTreeMap<String, Vec<f32>>,
    scalars: serde_json::Value,
}

impl Losses {
    pub fn read() -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/losses");
        let bytes = std::fs::read(folder.join("golden.safetensors")).expect("golden tensors");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                let data = view.data();
                let values = match view.dtype() {
                    Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
                    Dtype::I64 => data.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b) as f32).collect(),
                    Dtype::U8 => data.iter().map(|b| f32::from(*b)).collect(),
                    other => panic!("unexpected dtype {other:?} of {name}"),
                };
                (name, values)
            })
            .collect();
        let text = std::fs::read_to_string(folder.join("golden.json")).expect("golden scalars");
        let json: serde_json::Value = serde_json::from_str(&text).expect("json");
        Self { tensors, scalars: json["scalars"].clone() }
    }

    pub fn tensor(&self, name: &str) -> &[f32] {
        self.tensors.get(name).unwrap_or_else(|| panic!("no tensor {name}"))
    }

    pub fn scalar(&self, name: &str) -> f64 {
        self.scalars[name]["value"].as_f64().unwrap_or_else(|| panic!("no scalar {name}"))
    }

    pub fn value(&self, name: &str) -> &serde_json::Value {
        &self.scalars[name]["value"]
    }
}

/// Largest absolute difference.
pub fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}
