def helper(x, *more):
    return x


def model(dbt, session):
    dbt.config(materialized="incremental", packages=["numpy", "pandas==1.5"], tags="py", meta={"k": [1, -2.5, None, True]})
    limit = dbt.config.get("limit", 10)
    dbt.config.get("other")
    owner = dbt.config.meta_get("owner", "nobody")
    first = dbt.ref("corners", "days").filter(helper(dbt.source("lake", "a")))
    # Calls in an operand of an argument are not seen.
    lost = first + dbt.ref("stated") if limit else helper(first + dbt.ref("unseen"))
    many = [dbt.source("lake", "a") for _ in [dbt.ref("snake")]]
    text = helper(f"{dbt.ref('computed')} of {owner}")
    return helper([dbt.ref("snake"), first], {"a": dbt.ref("contracted")})
