import pandas as pd


def model(dbt, session):
    return dbt.ref("days")
