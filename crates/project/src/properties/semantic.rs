//! The shapes of the semantic layer: of `metrics:`, `semantic_models:` and `saved_queries:`, and of what models and columns say of it.

use super::shape::{Keys, Shape};

use Shape::{Bool, Either, Entry, Int, List, Mapping, Number, Set, Text, Window, Word};

const TEXTS: Shape = List(&Text);
/// `filter:` and `where:`.
const FILTER: Shape = Either(&[Text, TEXTS]);

/// `nanosecond` to `year`.
pub(super) const GRANULARITY: Shape = Word(&[
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
]);
const AGGREGATION: Shape =
    Word(&["sum", "min", "max", "count_distinct", "sum_boolean", "average", "percentile", "median", "count"]);
const ENTITY_TYPE: Shape = Word(&["foreign", "natural", "primary", "unique"]);
const DIMENSION_TYPE: Shape = Word(&["categorical", "time"]);
const METRIC_TYPE: Shape = Word(&["simple", "ratio", "cumulative", "derived", "conversion"]);
const PERIOD_AGG: Shape = Word(&["first", "last", "average"]);
const CALCULATION: Shape = Word(&["conversions", "conversion_rate"]);

const INPUT_MEASURE: Shape = Either(&[
    Text,
    Entry(&Keys {
        what: "a measure of a metric",
        needed: &[("name", Text)],
        optional: &[("filter", FILTER), ("alias", Text), ("join_to_timespine", Set(&Bool)), ("fill_nulls_with", Int)],
    }),
]);

const INPUT_METRIC: Shape = Either(&[
    Text,
    Entry(&Keys {
        what: "a metric of a metric",
        needed: &[("name", Text)],
        optional: &[("filter", FILTER), ("alias", Text), ("offset_window", Window), ("offset_to_grain", Text)],
    }),
]);

const CONSTANT_PROPERTIES: Shape = List(&Entry(&Keys {
    what: "a constant property",
    needed: &[("base_property", Text), ("conversion_property", Text)],
    optional: &[],
}));

/// A metric with `type_params`.
pub(super) const METRIC: Shape = Entry(&Keys {
    what: "a metric with type_params",
    needed: &[("name", Text), ("type_params", TYPE_PARAMS)],
    optional: &[
        // A metric without one is told with what follows from that.
        ("label", Set(&Text)),
        ("type", Set(&METRIC_TYPE)),
        ("description", Set(&Text)),
        ("filter", FILTER),
        ("time_granularity", Text),
        ("config", Set(&Mapping)),
        ("meta", Set(&Mapping)),
        ("tags", Set(&TEXTS)),
    ],
});

const TYPE_PARAMS: Shape = Entry(&Keys {
    what: "type_params",
    needed: &[],
    optional: &[
        ("measure", INPUT_MEASURE),
        ("numerator", INPUT_METRIC),
        ("denominator", INPUT_METRIC),
        ("expr", Either(&[Text, Bool])),
        ("window", Window),
        ("grain_to_date", GRANULARITY),
        ("metrics", List(&INPUT_METRIC)),
        (
            "conversion_type_params",
            Entry(&Keys {
                what: "conversion_type_params",
                needed: &[("base_measure", INPUT_MEASURE), ("conversion_measure", INPUT_MEASURE), ("entity", Text)],
                optional: &[
                    ("calculation", Set(&CALCULATION)),
                    ("window", Window),
                    ("constant_properties", CONSTANT_PROPERTIES),
                ],
            }),
        ),
        (
            "cumulative_type_params",
            Entry(&Keys {
                what: "cumulative_type_params",
                needed: &[],
                optional: &[("window", Window), ("grain_to_date", Text), ("period_agg", Set(&PERIOD_AGG))],
            }),
        ),
    ],
});

/// A metric of the newer form.
pub(super) const FLAT_METRIC: Shape = Entry(&Keys {
    what: "a metric without type_params",
    needed: &[("name", Text)],
    optional: &[
        ("type", Set(&METRIC_TYPE)),
        ("label", Text),
        ("description", Set(&Text)),
        ("filter", FILTER),
        ("time_granularity", Text),
        ("config", Set(&Mapping)),
        ("hidden", Set(&Bool)),
        ("agg", AGGREGATION),
        ("percentile", Number),
        ("percentile_type", Text),
        ("join_to_timespine", Bool),
        ("fill_nulls_with", Int),
        ("expr", Either(&[Text, Int])),
        (
            "non_additive_dimension",
            Entry(&Keys {
                what: "a non-additive dimension",
                needed: &[("name", Text), ("window_agg", AGGREGATION)],
                optional: &[("group_by", Set(&TEXTS))],
            }),
        ),
        ("agg_time_dimension", Text),
        ("window", Window),
        ("grain_to_date", Text),
        ("period_agg", Set(&PERIOD_AGG)),
        ("input_metric", INPUT_METRIC),
        ("numerator", INPUT_METRIC),
        ("denominator", INPUT_METRIC),
        ("input_metrics", List(&INPUT_METRIC)),
        ("entity", Text),
        ("calculation", CALCULATION),
        ("base_metric", INPUT_METRIC),
        ("conversion_metric", INPUT_METRIC),
        ("constant_properties", CONSTANT_PROPERTIES),
    ],
});

const VALIDITY: Shape = Entry(&Keys {
    what: "validity_params",
    needed: &[],
    optional: &[("is_start", Set(&Bool)), ("is_end", Set(&Bool))],
});

/// An entry of `semantic_models:`.
pub(super) const SEMANTIC_MODEL: Shape = Entry(&Keys {
    what: "a semantic model",
    needed: &[("name", Text), ("model", Text)],
    optional: &[
        ("config", Set(&Mapping)),
        ("description", Text),
        ("label", Text),
        ("defaults", Entry(&Keys { what: "defaults", needed: &[], optional: &[("agg_time_dimension", Text)] })),
        (
            "entities",
            Set(&List(&Entry(&Keys {
                what: "an entity",
                needed: &[("name", Text), ("type", ENTITY_TYPE)],
                optional: &[
                    ("description", Text),
                    ("label", Text),
                    ("config", Set(&Mapping)),
                    ("role", Text),
                    ("expr", Text),
                ],
            }))),
        ),
        ("measures", Set(&List(&MEASURE))),
        (
            "dimensions",
            Set(&List(&Entry(&Keys {
                what: "a dimension",
                needed: &[("name", Text), ("type", DIMENSION_TYPE)],
                optional: &[
                    ("description", Text),
                    ("label", Text),
                    ("is_partition", Set(&Bool)),
                    ("config", Set(&Mapping)),
                    ("expr", Text),
                    (
                        "type_params",
                        Entry(&Keys {
                            what: "type_params of a dimension",
                            needed: &[("time_granularity", GRANULARITY)],
                            optional: &[("validity_params", VALIDITY)],
                        }),
                    ),
                ],
            }))),
        ),
        ("primary_entity", Text),
    ],
});

const MEASURE: Shape = Entry(&Keys {
    what: "a measure",
    needed: &[("name", Text), ("agg", AGGREGATION)],
    optional: &[
        ("description", Text),
        ("label", Text),
        ("expr", Either(&[Text, Bool, Int])),
        (
            "agg_params",
            Entry(&Keys {
                what: "agg_params",
                needed: &[],
                optional: &[
                    ("percentile", Number),
                    ("use_discrete_percentile", Set(&Bool)),
                    ("use_approximate_percentile", Set(&Bool)),
                ],
            }),
        ),
        (
            "non_additive_dimension",
            Entry(&Keys {
                what: "a non-additive dimension",
                needed: &[("name", Text), ("window_choice", AGGREGATION)],
                optional: &[("window_groupings", Set(&TEXTS))],
            }),
        ),
        ("agg_time_dimension", Text),
        ("create_metric", Set(&Bool)),
        ("config", Set(&Mapping)),
    ],
});

/// An entry of `saved_queries:`.
pub(super) const SAVED_QUERY: Shape = Entry(&Keys {
    what: "a saved query",
    needed: &[
        ("name", Text),
        (
            "query_params",
            Entry(&Keys {
                what: "query_params",
                needed: &[],
                optional: &[
                    ("metrics", Set(&TEXTS)),
                    ("group_by", Set(&TEXTS)),
                    ("where", FILTER),
                    ("order_by", Set(&TEXTS)),
                    ("limit", Int),
                ],
            }),
        ),
    ],
    optional: &[
        ("description", Text),
        ("label", Text),
        (
            "exports",
            Set(&List(&Entry(&Keys {
                what: "an export",
                needed: &[("name", Text)],
                optional: &[("config", Set(&Mapping))],
            }))),
        ),
        ("config", Set(&Mapping)),
        ("tags", Set(&Either(&[Text, TEXTS]))),
    ],
});

/// `semantic_model:` of a model.
pub(super) const OF_MODEL: Shape = Either(&[
    Bool,
    Entry(&Keys {
        what: "the semantic_model of a model",
        needed: &[],
        optional: &[
            ("name", Text),
            ("enabled", Set(&Bool)),
            ("group", Text),
            (
                "config",
                Entry(&Keys { what: "a semantic model's config", needed: &[], optional: &[("meta", Set(&Mapping))] }),
            ),
        ],
    }),
]);

/// `derived_semantics:` of a model.
pub(super) const DERIVED: Shape = Entry(&Keys {
    what: "derived_semantics",
    needed: &[],
    optional: &[
        (
            "entities",
            Set(&List(&Entry(&Keys {
                what: "a derived entity",
                needed: &[("name", Text), ("type", ENTITY_TYPE), ("expr", Text)],
                optional: &[("description", Text), ("label", Text), ("config", Set(&Mapping))],
            }))),
        ),
        (
            "dimensions",
            Set(&List(&Entry(&Keys {
                what: "a derived dimension",
                needed: &[("name", Text), ("type", DIMENSION_TYPE), ("expr", Text)],
                optional: &[
                    ("description", Text),
                    ("label", Text),
                    ("is_partition", Set(&Bool)),
                    ("config", Set(&Mapping)),
                    ("validity_params", VALIDITY),
                    ("granularity", GRANULARITY),
                ],
            }))),
        ),
    ],
});

/// `dimension:` of a column.
pub(super) const COLUMN_DIMENSION: Shape = Either(&[
    DIMENSION_TYPE,
    Entry(&Keys {
        what: "the dimension of a column",
        needed: &[("type", DIMENSION_TYPE)],
        optional: &[
            ("name", Text),
            ("description", Text),
            ("label", Text),
            ("is_partition", Set(&Bool)),
            ("config", Set(&Mapping)),
            ("validity_params", VALIDITY),
        ],
    }),
]);

/// `entity:` of a column.
pub(super) const COLUMN_ENTITY: Shape = Either(&[
    ENTITY_TYPE,
    Entry(&Keys {
        what: "the entity of a column",
        needed: &[("type", ENTITY_TYPE)],
        optional: &[("name", Text), ("description", Text), ("label", Text), ("config", Set(&Mapping))],
    }),
]);

/// `time_spine:` of a model.
pub(super) const TIME_SPINE: Shape = Entry(&Keys {
    what: "a time spine",
    needed: &[("standard_granularity_column", Text)],
    optional: &[(
        "custom_granularities",
        List(&Entry(&Keys {
            what: "a granularity of the project's own",
            needed: &[("name", Text)],
            optional: &[("column_name", Text)],
        })),
    )],
});
