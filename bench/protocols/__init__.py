"""Wire formats that both sides share, one room each: ISO 15118 (EXI, V2GTP), OCPP, IEEE 2030.5. No I/O."""
