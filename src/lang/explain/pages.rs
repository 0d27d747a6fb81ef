//! The pages of `docs/diagnostics`, embedded. A test holds that none is missing here.

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(($code, include_str!(concat!("../../../docs/diagnostics/", $code, ".md")))),*]
    };
}

#[rustfmt::skip]
const PAGES: &[(&str, &str)] = pages![
    "M0001" "M0002" "M0003" "M0004" "M0005" "M0006" "M0007" "M0008" "M0009" "M0010"
    "M0011" "M0012" "M0013" "M0014" "M0015" "M0016" "M0017" "M0018" "M0020" "M0021" "M0022" "M0023" "M0024" "M0030" "M0031"
    "M0032" "M0033" "M0034" "M0035" "M0036" "M0037" "M0040" "M0041" "M0042" "M0201"
    "M0202" "M0203" "M0204" "M0205" "M0206" "M0207" "M0208" "M0209" "M0210" "M0211"
    "M0212" "M0213" "M0214" "M0301" "M0302" "M0303" "M0304" "M0305" "M0306" "M0307"
    "M0308" "M0309" "M0310" "M0311" "M0312" "M0313" "M0314" "M0315" "M0316" "M0317"
    "M0318" "M0319" "M0320" "M0330" "M0401" "M0402" "M0403" "M0404" "M0405" "M0406" "M0407"
    "M0408" "M0501" "M0502" "M0503" "M0504" "M0505" "M0506" "M0507" "M0508" "M0509"
    "M0510" "M0511" "M0512" "M0513" "M0514" "M0515" "M0516" "M0517" "M0518" "M0530" "M0540" "M0541"
    "M0701" "M0702" "M0703" "M0704" "M0705" "M0706"
    "M0901" "M0902" "M0903" "M0910" "M0911" "M0912" "M0913" "M0914" "M0915" "M0920"
    "M0921" "M0922" "M0923" "M0924" "M0925" "M0930" "M0931" "M0932" "M0933" "M0934"
    "M0935" "M0936" "M0937" "M0938" "M0939" "M0950" "M0951" "M0952" "M0953" "M0954"
    "M0955" "M0956" "M0957" "M0958" "M0960" "M0961" "M0962" "M0963" "M0964" "M0970" "M0971"
    "M0972" "M0973" "M0980" "M0981" "M0982" "M0983" "M0990"
];

/// The page of a code, its title line first.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|(_, page)| *page)
}

/// Every code that has a page, in order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(code, _)| *code)
}
