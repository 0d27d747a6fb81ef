//! Parquet files, row by row, as JSON objects: what the Hub keeps data sets in.
//!
//! Read are plain, Snappy and gzip pages; nested columns become arrays and objects. Absent: Arrow, Zstandard, writing.

use std::fs::File;
use std::path::Path;

use mascot_run::engine::Fault;
use parquet::basic::Compression;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Map, Value};

/// Hands over every row with its number, from 1; or why it cannot be taken.
///
/// # Errors
/// [`Fault::File`] when the file is not Parquet, or is packed in a way that is not read.
pub fn rows(file: &Path, take: &mut dyn FnMut(usize, Result<Map<String, Value>, String>)) -> Result<(), Fault> {
    let fault = |why: String| Fault::File { path: file.to_owned(), why };
    let opened = File::open(file).map_err(|why| fault(why.to_string()))?;
    let reader = SerializedFileReader::new(opened).map_err(|why| fault(format!("is not Parquet: {why}")))?;
    let mut chunks = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
    let packed = chunks.find_map(|column| match column.compression() {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) => None,
        other => Some(other),
    });
    if let Some(packed) = packed {
        let why = format!("is packed with {packed:?}; write it again with snappy, gzip or none");
        return Err(fault(why.to_lowercase()));
    }
    let records = reader.get_row_iter(None).map_err(|why| fault(why.to_string()))?;
    for (index, record) in records.enumerate() {
        let columns = match record.map(|record| record.to_json_value()) {
            Ok(Value::Object(columns)) => Ok(columns),
            Ok(_) => Err("is not an object".to_owned()),
            Err(why) => Err(format!("cannot be read: {why}")),
        };
        take(index + 1, columns);
    }
    Ok(())
}
