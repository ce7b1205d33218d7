"""Municipalities of the generated set: the larger ones of each UF, with IBGE's codes. Floor 1."""

#: UF -> "code name" of each municipality, the larger first.
_TEXT = {
    "AC": (
        "1200401 Rio Branco|1200203 Cruzeiro do Sul|1200500 Sena Madureira|1200609 Tarauacá|"
        "1200302 Feijó|1200104 Brasiléia|1200708 Xapuri|1200385 Plácido de Castro|"
        "1200450 Senador Guiomard|1200252 Epitaciolândia|1200336 Mâncio Lima|1200013 Acrelândia"
    ),
    "AL": (
        "2704302 Maceió|2700300 Arapiraca|2706307 Palmeira dos Índios|2707701 Rio Largo|"
        "2706703 Penedo|2709301 União dos Palmares|2708600 São Miguel dos Campos|"
        "2702306 Coruripe|2702405 Delmiro Gouveia|2704708 Marechal Deodoro|"
        "2701407 Campo Alegre|2708006 Santana do Ipanema"
    ),
    "AM": (
        "1302603 Manaus|1303403 Parintins|1301902 Itacoatiara|1302504 Manacapuru|1301209 Coari|"
        "1304203 Tefé|1304062 Tabatinga|1302900 Maués|1301704 Humaitá|1301852 Iranduba|"
        "1303809 São Gabriel da Cachoeira|1302405 Lábrea"
    ),
    "AP": (
        "1600303 Macapá|1600600 Santana|1600279 Laranjal do Jari|1600501 Oiapoque|"
        "1600402 Mazagão|1600535 Porto Grande|1600709 Tartarugalzinho|"
        "1600154 Pedra Branca do Amapari|1600808 Vitória do Jari|1600204 Calçoene|"
        "1600105 Amapá|1600238 Ferreira Gomes"
    ),
    "BA": (
        "2927408 Salvador|2910800 Feira de Santana|2933307 Vitória da Conquista|"
        "2905701 Camaçari|2918407 Juazeiro|2914802 Itabuna|2919207 Lauro de Freitas|"
        "2913606 Ilhéus|2918001 Jequié|2903201 Barreiras|2931350 Teixeira de Freitas|"
        "2900702 Alagoinhas|2925303 Porto Seguro|2930709 Simões Filho|2924009 Paulo Afonso|"
        "2910727 Eunápolis"
    ),
    "CE": (
        "2304400 Fortaleza|2303709 Caucaia|2307304 Juazeiro do Norte|2307650 Maracanaú|"
        "2312908 Sobral|2306405 Itapipoca|2304202 Crato|2307700 Maranguape|2305506 Iguatu|"
        "2311306 Quixadá|2301000 Aquiraz|2313401 Tianguá|2304103 Crateús|2311801 Russas"
    ),
    "DF": ("5300108 Brasília"),
    "ES": (
        "3205309 Vitória|3205002 Serra|3205200 Vila Velha|3201308 Cariacica|"
        "3201209 Cachoeiro de Itapemirim|3203205 Linhares|3204906 São Mateus|3201506 Colatina|"
        "3202405 Guarapari|3200607 Aracruz|3205101 Viana|3203908 Nova Venécia"
    ),
    "GO": (
        "5208707 Goiânia|5201405 Aparecida de Goiânia|5201108 Anápolis|5218805 Rio Verde|"
        "5212501 Luziânia|5200258 Águas Lindas de Goiás|5221858 Valparaíso de Goiás|"
        "5221403 Trindade|5208004 Formosa|5211503 Itumbiara|5211909 Jataí|5205109 Catalão|"
        "5204508 Caldas Novas|5217609 Planaltina"
    ),
    "MA": (
        "2111300 São Luís|2105302 Imperatriz|2111201 São José de Ribamar|2112209 Timon|"
        "2103000 Caxias|2103307 Codó|2107506 Paço do Lumiar|2100055 Açailândia|2101202 Bacabal|"
        "2101400 Balsas|2109908 Santa Inês|2108603 Pinheiro"
    ),
    "MG": (
        "3106200 Belo Horizonte|3170206 Uberlândia|3118601 Contagem|3136702 Juiz de Fora|"
        "3106705 Betim|3143302 Montes Claros|3154606 Ribeirão das Neves|3170107 Uberaba|"
        "3127701 Governador Valadares|3131307 Ipatinga|3167202 Sete Lagoas|3122306 Divinópolis|"
        "3157807 Santa Luzia|3151800 Poços de Caldas|3148004 Patos de Minas|"
        "3152501 Pouso Alegre|3168606 Teófilo Otoni|3105608 Barbacena|3170701 Varginha|"
        "3146107 Ouro Preto"
    ),
    "MS": (
        "5002704 Campo Grande|5003702 Dourados|5008305 Três Lagoas|5003207 Corumbá|"
        "5006606 Ponta Porã|5007901 Sidrolândia|5005707 Naviraí|5006200 Nova Andradina|"
        "5001102 Aquidauana|5005400 Maracaju|5006309 Paranaíba|5003306 Coxim"
    ),
    "MT": (
        "5103403 Cuiabá|5108402 Várzea Grande|5107602 Rondonópolis|5107909 Sinop|"
        "5107958 Tangará da Serra|5102504 Cáceres|5107925 Sorriso|5105259 Lucas do Rio Verde|"
        "5107040 Primavera do Leste|5101803 Barra do Garças|5100250 Alta Floresta|"
        "5106224 Nova Mutum"
    ),
    "PA": (
        "1501402 Belém|1500800 Ananindeua|1506807 Santarém|1504208 Marabá|1505536 Parauapebas|"
        "1502400 Castanhal|1500107 Abaetetuba|1502103 Cametá|1504422 Marituba|1501709 Bragança|"
        "1500602 Altamira|1508100 Tucuruí|1505502 Paragominas|1503606 Itaituba"
    ),
    "PB": (
        "2507507 João Pessoa|2504009 Campina Grande|2513703 Santa Rita|2510808 Patos|"
        "2501807 Bayeux|2516201 Sousa|2503704 Cajazeiras|2503209 Cabedelo|2506301 Guarabira|"
        "2515302 Sapé|2508901 Mamanguape|2512507 Queimadas"
    ),
    "PE": (
        "2611606 Recife|2607901 Jaboatão dos Guararapes|2609600 Olinda|2604106 Caruaru|"
        "2611101 Petrolina|2610707 Paulista|2602902 Cabo de Santo Agostinho|2603454 Camaragibe|"
        "2606002 Garanhuns|2616407 Vitória de Santo Antão|2606804 Igarassu|"
        "2613909 Serra Talhada|2606408 Gravatá|2601201 Arcoverde"
    ),
    "PI": (
        "2211001 Teresina|2207702 Parnaíba|2208007 Picos|2208403 Piripiri|2203909 Floriano|"
        "2202208 Campo Maior|2201200 Barras|2211100 União|2200400 Altos|2207900 Pedro II|"
        "2205508 José de Freitas|2207009 Oeiras"
    ),
    "PR": (
        "4106902 Curitiba|4113700 Londrina|4115200 Maringá|4119905 Ponta Grossa|"
        "4104808 Cascavel|4125506 São José dos Pinhais|4108304 Foz do Iguaçu|4105805 Colombo|"
        "4109401 Guarapuava|4118204 Paranaguá|4101804 Araucária|4127700 Toledo|"
        "4101408 Apucarana|4104204 Campo Largo|4118501 Pato Branco|4128104 Umuarama"
    ),
    "RJ": (
        "3304557 Rio de Janeiro|3304904 São Gonçalo|3301702 Duque de Caxias|"
        "3303500 Nova Iguaçu|3303302 Niterói|3300456 Belford Roxo|"
        "3301009 Campos dos Goytacazes|3305109 São João de Meriti|3303906 Petrópolis|"
        "3306305 Volta Redonda|3302403 Macaé|3302502 Magé|3301900 Itaboraí|3300704 Cabo Frio|"
        "3300100 Angra dos Reis|3304201 Resende"
    ),
    "RN": (
        "2408102 Natal|2408003 Mossoró|2403251 Parnamirim|2412005 São Gonçalo do Amarante|"
        "2407104 Macaíba|2402600 Ceará-Mirim|2402006 Caicó|2403103 Currais Novos|"
        "2412203 São José de Mipibu|2411205 Santa Cruz|2408300 Nova Cruz|2401008 Apodi"
    ),
    "RO": (
        "1100205 Porto Velho|1100122 Ji-Paraná|1100023 Ariquemes|1100304 Vilhena|"
        "1100049 Cacoal|1100288 Rolim de Moura|1100114 Jaru|1100106 Guajará-Mirim|"
        "1100189 Pimenta Bueno|1100452 Buritis|1100155 Ouro Preto do Oeste|"
        "1100130 Machadinho D'Oeste"
    ),
    "RR": (
        "1400100 Boa Vista|1400472 Rorainópolis|1400209 Caracaraí|1400308 Mucajaí|"
        "1400175 Cantá|1400456 Pacaraima|1400050 Alto Alegre|1400159 Bonfim|1400027 Amajari|"
        "1400282 Iracema|1400407 Normandia|1400506 São João da Baliza"
    ),
    "RS": (
        "4314902 Porto Alegre|4305108 Caxias do Sul|4304606 Canoas|4314407 Pelotas|"
        "4316907 Santa Maria|4309209 Gravataí|4323002 Viamão|4313409 Novo Hamburgo|"
        "4318705 São Leopoldo|4315602 Rio Grande|4300604 Alvorada|4314100 Passo Fundo|"
        "4320008 Sapucaia do Sul|4322400 Uruguaiana|4316808 Santa Cruz do Sul|4301602 Bagé|"
        "4307005 Erechim|4310207 Ijuí"
    ),
    "SC": (
        "4205407 Florianópolis|4209102 Joinville|4202404 Blumenau|4216602 São José|"
        "4204202 Chapecó|4208203 Itajaí|4204608 Criciúma|4208906 Jaraguá do Sul|"
        "4211900 Palhoça|4209300 Lages|4202008 Balneário Camboriú|4202909 Brusque|"
        "4218707 Tubarão|4204301 Concórdia|4214805 Rio do Sul|4203006 Caçador"
    ),
    "SE": (
        "2800308 Aracaju|2804805 Nossa Senhora do Socorro|2803500 Lagarto|2802908 Itabaiana|"
        "2806701 São Cristóvão|2802106 Estância|2807402 Tobias Barreto|2807105 Simão Dias|"
        "2803005 Itabaianinha|2801306 Capela|2805703 Propriá|2803609 Laranjeiras"
    ),
    "SP": (
        "3550308 São Paulo|3518800 Guarulhos|3509502 Campinas|3548708 São Bernardo do Campo|"
        "3547809 Santo André|3534401 Osasco|3549904 São José dos Campos|3543402 Ribeirão Preto|"
        "3552205 Sorocaba|3529401 Mauá|3549805 São José do Rio Preto|3548500 Santos|"
        "3530607 Mogi das Cruzes|3513801 Diadema|3525904 Jundiaí|3538709 Piracicaba|"
        "3510609 Carapicuíba|3506003 Bauru|3523107 Itaquaquecetuba|3551009 São Vicente|"
        "3516200 Franca|3541000 Praia Grande|3526902 Limeira|3554102 Taubaté|"
        "3503208 Araraquara|3529005 Marília"
    ),
    "TO": (
        "1721000 Palmas|1702109 Araguaína|1709500 Gurupi|1718204 Porto Nacional|"
        "1716109 Paraíso do Tocantins|1705508 Colinas do Tocantins|1709302 Guaraí|"
        "1721208 Tocantinópolis|1713205 Miracema do Tocantins|1707009 Dianópolis|"
        "1702208 Araguatins|1702554 Augustinópolis"
    ),
}

#: UF -> (IBGE code of 7 digits, name) of its municipalities, the capital first.
CITIES: dict[str, tuple[tuple[str, str], ...]] = {
    uf: tuple((entry[:7], entry[8:]) for entry in text.split("|")) for uf, text in _TEXT.items()
}
