def model(dbt, session):
    return nothing
