def model(dbt, session):
    dbt.config(limit=3, meta={"owner": "us"}, timeout=600, engine_config={"MaxConcurrentDpus": 4})
    asked = [dbt.config.get("limit"), dbt.config.get("none", "default"), dbt.config.meta_get("owner"), dbt.is_incremental]
    asked += [dbt.this.database, dbt.this.identifier]
    return session.sql(f"select '{asked[0]} {asked[1]} {asked[2]} {asked[3]} {asked[4]} {asked[5]}' as asked")
