-- A part that Athena cannot tell apart is an error only where the model is compiled.
select {{ dbt.datediff("x", "y", "minutes") }} as minutes
