//! Hive's type grammar.

use lake::{HiveType, hive_type};

#[test]
fn types_are_read_and_written_and_come_back_from_arrow() {
    let same = [
        "boolean",
        "tinyint",
        "smallint",
        "int",
        "bigint",
        "float",
        "double",
        "string",
        "binary",
        "date",
        "timestamp",
        "decimal(38,18)",
        "array<array<int>>",
        "map<string,decimal(10,2)>",
        "struct<a:int,b b:array<map<string,double>>>",
    ];
    for text in same {
        let parsed = hive_type::parse(text).unwrap();
        assert_eq!(parsed.to_string(), text);
        assert_eq!(HiveType::from_arrow(&parsed.to_arrow()).unwrap(), parsed);
    }
    let other = [
        ("INTEGER", "int"),
        ("Decimal", "decimal(10,0)"),
        ("decimal( 5 , 2 )", "decimal(5,2)"),
        ("Struct< A : Int , b: array < string > >", "struct<A:int,b:array<string>>"),
        ("varchar(10)", "varchar(10)"),
        ("char(3)", "char(3)"),
    ];
    for (text, expected) in other {
        assert_eq!(hive_type::parse(text).unwrap().to_string(), expected);
    }
    for text in [
        "",
        "array",
        "array<int",
        "array<int>>",
        "uniontype<int,string>",
        "decimal(39,0)",
        "varchar(0)",
        "timestamp with local time zone",
        "struct<a>",
    ] {
        assert_eq!(
            hive_type::parse(text).unwrap_err().to_string(),
            format!("NOT_SUPPORTED: Unsupported Hive type: {text}")
        );
    }
}
