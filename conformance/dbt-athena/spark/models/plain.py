def model(dbt, session):
    return dbt.ref("base").filter("id > 0")
