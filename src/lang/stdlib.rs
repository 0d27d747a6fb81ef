//! `std/…` files, embedded: the library in the language itself.

const FILES: &[(&str, &str)] = &[
    ("judges.masc", include_str!("../../stdlib/judges.masc")),
    ("personas.masc", include_str!("../../stdlib/personas.masc")),
    ("rewards.masc", include_str!("../../stdlib/rewards.masc")),
    ("rubrics.masc", include_str!("../../stdlib/rubrics.masc")),
];

/// The text of `std/NAME`.
pub fn text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Every file, as it is imported: `std/judges.masc`.
pub fn names() -> &'static [&'static str] {
    &["std/judges.masc", "std/personas.masc", "std/rewards.masc", "std/rubrics.masc"]
}
