"""The cycle-life audit: duties, the ensemble of ageing laws, the comparison of controller configurations."""
